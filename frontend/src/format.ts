/** Formats numbers, times and durations in the locale of the page. */
import { figure } from "./figure";
import { t } from "./i18n";
import { locale } from "./locale";
import { NAMES } from "./names";

export { figure };

const TIME = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
const RELATIVE = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
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
  return unit === "second" ? t("just now") : RELATIVE.format(-Math.round(past / length), unit);
}

/** "2 h 5 min", "3 min 20 s", "12 s". */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  if (hours) return t("{{hours}} h {{minutes}} min", { hours, minutes });
  if (minutes) return minutes < 10 && rest ? t("{{minutes}} min {{seconds}} s", { minutes, seconds: rest }) : t("{{minutes}} min", { minutes });
  return t("{{seconds}} s", { seconds: rest });
}

/** "in the last 24 hours", "in the last 7 days". */
export function inTheLast(hours: number): string {
  if (hours <= 48) return t("in the last {{count}} hours", { count: hours });
  return t("in the last {{count}} days", { count: Math.round(hours / 24) });
}

/** "reward_model" as "Reward model"; what the service names most is translated. */
export function words(name: string): string {
  if (Object.hasOwn(NAMES, name)) return NAMES[name]!;
  const spaced = name.replaceAll(/[_.]/g, " ");
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}
