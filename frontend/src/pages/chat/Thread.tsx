/** The messages of the branch in view. */
import type { Message } from "../../api/types";
import { ErrorMessage } from "../../components/feedback/ErrorMessage";
import { t } from "../../i18n";
import { AnswerView } from "./response/AnswerView";
import { PromptView } from "./PromptView";
import { SystemNote } from "./system/SystemNote";
import { alternativesOf, childrenOf, keyOf, versionsOf } from "./tree";
import { isLive, type Prompt, type Turn } from "./turn";

/** The handlers stay the same over renders: while an answer streams, only its own view is rendered again. */
interface ThreadProps {
  path: Message[];
  messages: Message[];
  turn: Turn | undefined;
  onAsk: (prompt: Prompt) => void;
  onRetry: () => void;
  onBranch: (message: Message) => void;
  onCompare: (message: Message) => void;
}

export function Thread({ path, messages, turn, onAsk, onRetry, onBranch, onCompare }: ThreadProps) {
  const live = isLive(turn);
  const last = path.at(-1);
  const children = childrenOf(messages);

  return (
    <div className="mx-auto flex w-full max-w-3xl flex-col gap-7 px-4 py-6 sm:px-6">
      {path.map((message, index) => {
        const siblings = children.get(keyOf(message.parent_id)) ?? [message];
        const versions = versionsOf(siblings, message);
        if (message.role === "user")
          return <PromptView key={message.id} message={message} versions={versions} live={live} onAsk={onAsk} onBranch={onBranch} />;
        if (message.role === "system")
          return (
            <SystemNote
              key={message.id}
              message={message}
              opening={path[index + 1]?.content}
              versions={versions}
              live={live}
              onAsk={onAsk}
              onBranch={onBranch}
            />
          );
        if (message.role !== "assistant") return null;
        return (
          <AnswerView
            key={message.id}
            message={message}
            refusal={path[index - 1]?.moderation?.action === "block" ? path[index - 1]!.moderation : null}
            versions={versions}
            live={live}
            streaming={live && message === last}
            rankable={alternativesOf(siblings, message).length > 1}
            onAsk={onAsk}
            onBranch={onBranch}
            onCompare={onCompare}
          />
        );
      })}
      {turn?.state === "failed" && <ErrorMessage error={turn.error} onRetry={turn.permanent ? undefined : onRetry} />}
      {turn?.state === "stopped" && last?.role === "user" && (
        <p className="text-sm text-muted">
          {t("Stopped before anything was generated.")}{" "}
          <button type="button" onClick={onRetry} className="font-medium text-accent-ink underline underline-offset-4">
            {t("Try again")}
          </button>
        </p>
      )}
      <p role="status" className="sr-only">
        {turn && STATUS[turn.state]}
      </p>
    </div>
  );
}

/** Announced to screen readers; an error message is announced by itself. */
const STATUS: Record<Turn["state"], string> = {
  waiting: t("Generating an answer."),
  streaming: t("Generating an answer."),
  done: t("The answer is complete."),
  stopped: t("The answer was stopped."),
  failed: "",
};
