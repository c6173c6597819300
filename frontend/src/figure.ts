/** Formats a number in the locale of the page. */
import { locale } from "./locale";

/** Three significant digits, an exponent only for very small values, and a true minus sign. */
export function figure(value: number): string {
  const tiny = value !== 0 && Math.abs(value) < 0.001;
  const digits = Number.isInteger(value) ? undefined : 3;
  const text = tiny ? value.toExponential(1) : value.toLocaleString(locale, { maximumSignificantDigits: digits });
  return text.replace(/^-/, "−");
}
