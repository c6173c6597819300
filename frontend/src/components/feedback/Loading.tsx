/** Loading indicators for a page and for a list. */
import clsx from "clsx";
import { LoaderCircle } from "lucide-react";
import { t } from "../../i18n";

export function Loading() {
  return (
    <div className="flex h-full items-center justify-center p-10" role="status" aria-label={t("Loading")}>
      <LoaderCircle aria-hidden className="size-6 animate-spin text-faint" />
    </div>
  );
}

export function Skeleton({ lines = 3, className }: { lines?: number; className?: string }) {
  return (
    <div aria-hidden className={clsx("animate-pulse space-y-3", className)}>
      {Array.from({ length: lines }, (_, index) => (
        <div key={index} className="h-4 rounded bg-line" style={{ width: `${92 - ((index * 23) % 45)}%` }} />
      ))}
    </div>
  );
}
