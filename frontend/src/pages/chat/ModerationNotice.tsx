/** The moderation result of a message, in a sentence. */
import clsx from "clsx";
import { ShieldAlert, ShieldX } from "lucide-react";
import type { Verdict } from "../../api/types";
import { ModerationReason } from "./response/ModerationReason";

interface ModerationNoticeProps {
  verdict: Verdict;
  /** The stored message; without one there are no details yet. */
  messageId?: string | null;
  className?: string;
}

export function ModerationNotice({ verdict, messageId, className }: ModerationNoticeProps) {
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
      <div className="min-w-0">
        <p>{verdict.message}</p>
        <p className="mt-0.5 flex flex-wrap gap-x-3 text-xs">
          {verdict.categories.length > 0 && <span>Flagged for: {verdict.categories.join(", ")}</span>}
          {messageId && <ModerationReason messageId={messageId} />}
        </p>
      </div>
    </div>
  );
}
