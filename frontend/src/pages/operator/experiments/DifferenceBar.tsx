/** A difference with its interval, drawn around zero. */
import clsx from "clsx";
import type { MetricDifference } from "../../../api/experiments";
import { t } from "../../../i18n";

const REACH = 0.5; // the widest difference drawn

interface DifferenceBarProps {
  label: string;
  /** Whether a higher value is better. */
  good: boolean;
  value: MetricDifference | undefined;
}

export function DifferenceBar({ label, good, value }: DifferenceBarProps) {
  if (!value) return null;
  const known = value.people > 0;
  return (
    <div className="grid grid-cols-[minmax(0,1fr)_auto] items-center gap-x-4 gap-y-1 py-2.5 text-sm sm:grid-cols-[15rem_minmax(0,1fr)_12rem]">
      <span>{label}</span>
      <div className="order-last col-span-2 sm:order-none sm:col-span-1">
        <IntervalTrack value={value} tone={toneOf(value, good)} />
      </div>
      <span className="text-end whitespace-nowrap tabular-nums">
        {known ? points(value) : <span className="text-faint">{t("no data yet")}</span>}
        {known && <span className="ms-2 text-[13px] text-muted">{t("{{count}} users", { count: value.people })}</span>}
      </span>
    </div>
  );
}

function IntervalTrack({ value, tone }: { value: MetricDifference; tone: string }) {
  return (
    <div dir="ltr" className="relative h-4 rounded bg-panel" aria-hidden>
      <div className="absolute inset-y-0 left-1/2 w-px bg-line-strong" />
      <div
        className={clsx("absolute inset-y-1 rounded-full opacity-45", tone)}
        style={{ left: `${at(value.low)}%`, width: `${Math.max(1, at(value.high) - at(value.low))}%` }}
      />
      <div className={clsx("absolute top-0.5 size-3 -translate-x-1/2 rounded-full", tone)} style={{ left: `${at(value.difference)}%` }} />
    </div>
  );
}

/** The position of a difference, in percent of the width. */
export function at(difference: number): number {
  return 50 + (50 * Math.max(-REACH, Math.min(REACH, difference))) / REACH;
}

/** Significantly better, significantly worse, or neither. */
export function toneOf({ low, high }: MetricDifference, good: boolean): string {
  if (low <= 0 && high >= 0) return "bg-faint";
  return low > 0 === good ? "bg-good" : "bg-danger";
}

export function points({ difference, low, high }: MetricDifference): string {
  return `${signed(difference)} ${t("({{low}} to {{high}})", { low: signed(low), high: signed(high) })}`;
}

function signed(value: number): string {
  const whole = Math.round(value * 100);
  return whole < 0 ? `−${-whole}` : `+${whole}`;
}
