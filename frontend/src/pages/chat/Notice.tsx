/** What moderation did with a message, in a sentence. */
import clsx from "clsx";
import { ShieldAlert, ShieldX } from "lucide-react";
import type { Verdict } from "../../api/types";

export function Notice({ verdict, className }: { verdict: Verdict; className?: string }) {
  const blocked = verdict.action === "block";
  const Icon = blocked ? ShieldX : ShieldAlert;
  return (
    <div
      role="note"
      className={clsx(
        "flex gap-2.5 rounded-xl px-3.5 py-2.5 text-sm",
        blocked ? "bg-danger-soft text-danger" : "bg-warn-soft text-warn",
        className,
      )}
    >
      <Icon aria-hidden className="mt-0.5 size-4 shrink-0" />
      <p className="min-w-0">
        {verdict.message}
        {verdict.categories.length > 0 && (
          <span className="mt-0.5 block text-xs">Category: {verdict.categories.join(", ")}</span>
        )}
      </p>
    </div>
  );
}
