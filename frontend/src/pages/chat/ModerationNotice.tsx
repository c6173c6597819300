/** The moderation result of a message, in a sentence. */
import clsx from "clsx";
import { HeartHandshake, ShieldAlert, ShieldX } from "lucide-react";
import { Fragment } from "react";
import type { Verdict } from "../../api/types";
import { isDistress } from "./categories";
import { ModerationReason } from "./response/ModerationReason";

interface ModerationNoticeProps {
  verdict: Verdict;
  /** The stored message; without one there are no details yet. */
  messageId?: string | null;
  className?: string;
}

const LOOKS = {
  distress: { icon: HeartHandshake, tone: "bg-accent-soft text-accent-ink" },
  block: { icon: ShieldX, tone: "bg-danger-soft text-danger" },
  warn: { icon: ShieldAlert, tone: "bg-warn-soft text-warn" },
};

export function ModerationNotice({ verdict, messageId, className }: ModerationNoticeProps) {
  const { icon: Icon, tone } = LOOKS[isDistress(verdict.categories) ? "distress" : verdict.action];
  return (
    <div role="note" className={clsx("flex gap-2.5 rounded-xl px-3.5 py-2.5 text-sm", tone, className)}>
      <Icon aria-hidden className="mt-0.5 size-4 shrink-0" />
      <div className="min-w-0">
        <p>
          <WithHelpline text={verdict.message} />
        </p>
        {messageId && (
          <p className="mt-0.5 flex flex-wrap gap-x-3 text-xs">
            <ModerationReason messageId={messageId} />
          </p>
        )}
      </div>
    </div>
  );
}

const HELPLINE = "findahelpline.com";

function WithHelpline({ text }: { text: string }) {
  return text.split(HELPLINE).map((part, place) => (
    <Fragment key={place}>
      {place > 0 && (
        <a href={`https://${HELPLINE}`} target="_blank" rel="noreferrer" className="font-medium underline underline-offset-3">
          {HELPLINE}
        </a>
      )}
      {part}
    </Fragment>
  ));
}
