/** A coloured label for a state. */
import clsx from "clsx";
import type { ReactNode } from "react";

export type Tone = "plain" | "accent" | "good" | "warn" | "danger";

const TONES: Record<Tone, string> = {
  plain: "bg-panel text-muted",
  accent: "bg-accent-soft text-accent-ink",
  good: "bg-good-soft text-good",
  warn: "bg-warn-soft text-warn",
  danger: "bg-danger-soft text-danger",
};

export function Badge({ tone = "plain", pulse, children }: { tone?: Tone; pulse?: boolean; children: ReactNode }) {
  return (
    <span
      className={clsx(
        "inline-flex items-center gap-1.5 rounded-full px-2.5 py-0.5 font-sans text-xs tracking-normal font-medium whitespace-nowrap",
        TONES[tone],
      )}
    >
      {pulse && <span aria-hidden className="size-1.5 animate-pulse rounded-full bg-current" />}
      {children}
    </span>
  );
}
