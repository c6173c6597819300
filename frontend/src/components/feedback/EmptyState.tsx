/** What a list shows while it has no rows. */
import type { LucideIcon } from "lucide-react";
import type { ReactNode } from "react";

export function EmptyState({ icon: Icon, children }: { icon: LucideIcon; children: ReactNode }) {
  return (
    <div className="flex flex-col items-center rounded-2xl border border-dashed border-line-strong px-6 py-12 text-center text-sm text-muted">
      <Icon aria-hidden className="mb-3 size-7 text-faint" strokeWidth={1.6} />
      <div className="max-w-md">{children}</div>
    </div>
  );
}
