/** The messages of the branch in view. */
import type { Message } from "../../api/types";
import { ErrorMessage } from "../../components/feedback/ErrorMessage";
import { AnswerView } from "./response/AnswerView";
import { PromptView } from "./PromptView";
import { alternativesOf, siblingsOf } from "./tree";
import { isLive, type Prompt, type Turn } from "./turn";

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
  const unanswered = turn && !live && last?.role === "user";

  return (
    <div className="mx-auto flex w-full max-w-3xl flex-col gap-7 px-4 py-6 sm:px-6">
      {path.map((message, index) => {
        const siblings = siblingsOf(messages, message);
        const branch = { siblings, onBranch, disabled: live };
        if (message.role === "user")
          return (
            <PromptView
              key={message.id}
              message={message}
              branch={branch}
              onEdit={(text) => onAsk({ parentId: message.parent_id, text, n: 1 })}
            />
          );
        if (message.role !== "assistant") return null;
        return (
          <AnswerView
            key={message.id}
            message={message}
            refusal={path[index - 1]?.moderation?.action === "block" ? path[index - 1]!.moderation : null}
            branch={branch}
            streaming={live && message === last}
            alternatives={alternativesOf(messages, message)}
            onAgain={(n, policyId) => onAsk({ parentId: message.parent_id, text: null, n, policyId })}
            onCompare={() => onCompare(message)}
          />
        );
      })}
      {turn?.state === "failed" && <ErrorMessage error={turn.error} onRetry={onRetry} />}
      {turn?.state === "stopped" && unanswered && (
        <p className="text-sm text-muted">
          Stopped before anything was generated.{" "}
          <button type="button" onClick={onRetry} className="font-medium text-accent-ink underline underline-offset-4">
            Try again
          </button>
        </p>
      )}
      <p role="status" className="sr-only">
        {turn && (live ? "Generating an answer." : "The answer is complete.")}
      </p>
    </div>
  );
}
