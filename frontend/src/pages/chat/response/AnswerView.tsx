/** An answer, its policy, and the actions on it. */
import { ArrowLeftRight, Columns3, Ellipsis, Flag, PenLine, RotateCcw } from "lucide-react";
import { memo, useState } from "react";
import { feedback } from "../../../api/client";
import type { Message, Verdict } from "../../../api/types";
import { IconButton } from "../../../components/Button";
import { Markdown } from "../../../components/markdown/Markdown";
import { Menu, MenuItem, MenuSeparator, MenuNumbers } from "../../../components/Menu";
import { t } from "../../../i18n";
import { BetterAnswer } from "./BetterAnswer";
import { BranchSwitch } from "./BranchSwitch";
import { CopyButton } from "./CopyButton";
import { givenFeedback } from "./feedback";
import { ModerationNotice } from "../ModerationNotice";
import { RegenerateWith } from "./RegenerateWith";
import { ReportAnswer } from "./ReportAnswer";
import { Thumbs } from "./Thumbs";
import { isPending, type Prompt } from "../turn";
import { sameProps } from "../../../stable";

interface AnswerViewProps {
  message: Message;
  /** Why the prompt was not answered, if it was blocked. */
  refusal: Verdict | null;
  /** The answers to the same prompt, this one included. */
  versions: Message[];
  /** An answer is being generated, this one or another. */
  live: boolean;
  streaming: boolean;
  /** Other answers were given side by side with this one. */
  rankable: boolean;
  onAsk: (prompt: Prompt) => void;
  onBranch: (message: Message) => void;
  onCompare: (message: Message) => void;
}

export const AnswerView = memo(function AnswerView({ message, refusal, streaming, ...rest }: AnswerViewProps) {
  if (refusal)
    return (
      <article aria-label={t("Answer")}>
        <ModerationNotice verdict={refusal} messageId={isPending(message) ? null : message.parent_id} />
      </article>
    );
  return (
    <article aria-label={t("Answer")} aria-busy={streaming} className="group/answer message">
      {message.content !== "" && (
        <div onCopy={() => noteCopied(message)}>
          <Markdown text={message.content} streaming={streaming} />
        </div>
      )}
      {message.content === "" && streaming && <GeneratingDots />}
      {message.moderation && <ModerationNotice verdict={message.moderation} messageId={isPending(message) ? null : message.id} className="mt-3" />}
      {!streaming && <FinishNote message={message} live={rest.live} onAsk={rest.onAsk} />}
      {message.feedback.map(
        ({ id, moderation }) => moderation && <ModerationNotice key={id} verdict={moderation} className="mt-3" />,
      )}
      {!streaming && !isPending(message) && (
        <Actions message={message} {...rest} />
      )}
    </article>
  );
}, sameProps);

/** A failure is not shown: the person wanted the text, and has it. */
function noteCopied(message: Message) {
  if (!isPending(message)) void feedback.copied(message.id).catch(() => undefined);
}

export function GeneratingDots() {
  return (
    <p className="flex h-7 items-center gap-1.5" role="status" aria-label={t("Generating")}>
      {[0, 150, 300].map((delay) => (
        <span
          key={delay}
          aria-hidden
          className="size-1.5 animate-bounce rounded-full bg-faint"
          style={{ animationDelay: `${delay}ms` }}
        />
      ))}
    </p>
  );
}

/** Says that an answer ended before it was complete, and offers to go on. */
function FinishNote({ message, live, onAsk }: Pick<AnswerViewProps, "message" | "live" | "onAsk">) {
  const { id, parent_id, content, finish_reason: reason } = message;
  const notes: Record<string, string> = {
    length: t("The answer hit the length limit."),
    cancelled: t("Stopped."),
    error: t("The answer was interrupted."),
  };
  const note = reason ? notes[reason] : undefined;
  if (!note) return null;
  return (
    <p className="mt-2 text-[13px] text-faint">
      {note}{" "}
      {content !== "" && !isPending(message) && (
        <button
          type="button"
          disabled={live}
          onClick={() => onAsk({ parentId: parent_id, text: null, n: 1, continues: { id, text: content } })}
          className="font-medium text-accent-ink underline underline-offset-4 disabled:opacity-50"
        >
          {t("Continue")}
        </button>
      )}
    </p>
  );
}

type ActionsProps = Omit<AnswerViewProps, "refusal" | "streaming">;

function Actions({ message, versions, live, rankable, onAsk, onBranch, onCompare }: ActionsProps) {
  const [dialog, setDialog] = useState<"better" | "report" | null>(null);
  const close = () => setDialog(null);
  const again = (n: number, policyId?: string) => onAsk({ parentId: message.parent_id, text: null, n, policyId });
  return (
    <div className="mt-2 -ms-2 flex flex-wrap items-center gap-y-1">
      <BranchSwitch message={message} versions={versions} disabled={live} onBranch={onBranch} />
      <span onCopy={() => noteCopied(message)}>
        <CopyButton text={message.content} />
      </span>
      <Thumbs message={message} />
      <IconButton icon={RotateCcw} label={t("Regenerate")} disabled={live} onClick={() => again(1)} />
      <Menu
        align="start"
        trigger={<IconButton icon={Columns3} label={t("Compare answers")} disabled={live} />}
      >
        {rankable && (
          <>
            <MenuItem icon={ArrowLeftRight} onSelect={() => onCompare(message)}>
              {t("Compare these answers")}
            </MenuItem>
            <MenuSeparator />
          </>
        )}
        <MenuNumbers label={t("Generate new answers to compare")} name={(n) => t("Compare {{count}} new answers", { count: n })} onSelect={(n) => again(n)} />
      </Menu>
      <Menu align="start" trigger={<IconButton icon={Ellipsis} label={t("More")} />}>
        <MenuItem icon={PenLine} onSelect={() => setDialog("better")}>
          {t("Suggest a better answer")}
        </MenuItem>
        <MenuItem icon={Flag} onSelect={() => setDialog("report")}>
          {t("Report this answer")}
        </MenuItem>
        <RegenerateWith disabled={live} onPick={(policyId) => again(1, policyId)} />
      </Menu>
      {givenFeedback(message, "edit") && (
        <button type="button" onClick={() => setDialog("better")} className="ms-2 text-xs text-accent-ink underline underline-offset-3">
          {t("You suggested a better answer")}
        </button>
      )}
      {givenFeedback(message, "report") && <span className="ms-2 text-xs text-accent-ink">{t("You reported this answer")}</span>}
      {message.policy_id && (
        <span className="ms-auto ps-3 text-xs text-faint" title={t("Model version that wrote this answer")}>
          {message.policy_id}
        </span>
      )}
      <BetterAnswer message={message} open={dialog === "better"} onClose={close} />
      <ReportAnswer message={message} open={dialog === "report"} onClose={close} />
    </div>
  );
}
