/** Formats numbers, times and durations. */

const TIME = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const RELATIVE = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

export function time(seconds: number): string {
  return TIME.format(seconds * 1000);
}

/** "3 minutes ago", for what lies within a month; else the date. */
export function ago(seconds: number, now = Date.now() / 1000): string {
  const past = now - seconds;
  if (past > 30 * 86_400) return time(seconds);
  const [unit, length] = UNITS.find(([, each]) => Math.abs(past) >= each) ?? ["second", 1];
  return unit === "second" ? "just now" : RELATIVE.format(-Math.round(past / length), unit);
}

/** "2 h 5 min", "3 min 20 s", "12 s". */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  if (hours) return `${hours} h ${minutes} min`;
  return minutes ? `${minutes} min${minutes < 10 && rest ? ` ${rest} s` : ""}` : `${rest} s`;
}

/** "1 answer", "2 answers". */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${figure(count)} ${count === 1 ? noun : plural}`;
}

/** "24 hours", to follow "the last". */
export function span(hours: number): string {
  if (hours === 1) return "hour";
  return hours <= 48 ? `${hours} hours` : `${Math.round(hours / 24)} days`;
}

/** Three significant digits, an exponent only for very small values, and a true minus sign. */
export function figure(value: number): string {
  const tiny = value !== 0 && Math.abs(value) < 0.001;
  const digits = Number.isInteger(value) ? undefined : 3;
  const text = tiny ? value.toExponential(1) : value.toLocaleString(undefined, { maximumSignificantDigits: digits });
  return text.replace(/^-/, "−");
}

/** "reward_model" as "Reward model". */
export function words(name: string): string {
  const spaced = name.replaceAll(/[_.]/g, " ");
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}
