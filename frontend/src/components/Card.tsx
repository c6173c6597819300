/** Cards: a titled section, a single figure, and a plot. */
import clsx from "clsx";
import type { ReactNode } from "react";

interface CardProps {
  title?: ReactNode;
  aside?: ReactNode;
  className?: string;
  children: ReactNode;
}

export function Card({ title, aside, className, children }: CardProps) {
  return (
    <section className={clsx("min-w-0 rounded-2xl border border-line bg-surface p-5", className)}>
      {title && (
        <div className="mb-3 flex items-center justify-between gap-3">
          <h2 className="text-[15px] font-semibold">{title}</h2>
          {aside}
        </div>
      )}
      {children}
    </section>
  );
}

export function StatTile({ label, value, hint }: { label: string; value: ReactNode; hint?: ReactNode }) {
  return (
    <div className="min-w-0 rounded-2xl border border-line bg-surface p-4">
      <p className="text-[13px] text-muted">{label}</p>
      <p className="mt-1 truncate text-xl font-semibold tracking-tight sm:text-2xl">{value}</p>
      {hint && <p className="mt-0.5 text-[13px] text-muted">{hint}</p>}
    </div>
  );
}

/** A card with one plot and its caption. */
export function PlotCard({ title, hint, aside, children }: { title: string; hint?: string; aside?: ReactNode; children: ReactNode }) {
  return (
    <Card>
      <figure>
        <figcaption className="mb-3">
          <span className="flex flex-wrap items-baseline justify-between gap-x-3">
            <span className="text-[15px] font-semibold">{title}</span>
            <span className="text-[13px] text-muted">{aside}</span>
          </span>
          {hint && <span className="mt-0.5 block text-[13px] text-muted">{hint}</span>}
        </figcaption>
        {children}
      </figure>
    </Card>
  );
}
