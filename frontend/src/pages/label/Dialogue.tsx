/** The messages of a task. */
import type { Task } from "../../api/labeling";
import { Markdown } from "../../components/markdown/Markdown";
import { t } from "../../i18n";

const SPEAKERS: Record<string, string> = { user: t("User"), assistant: t("Assistant"), system: t("System") };

export function Dialogue({ messages }: { messages: Task["dialogue"] }) {
  return (
    <ol className="space-y-3">
      {messages.map((message, index) => (
        <li key={index} className={message.role === "user" ? "ms-auto max-w-[46rem]" : "max-w-[46rem]"}>
          <p className="mb-1 text-xs font-medium text-muted">{SPEAKERS[message.role] ?? message.role}</p>
          <div className={message.role === "user" ? "rounded-2xl bg-panel px-4 py-3" : "rounded-2xl border border-line bg-surface px-4 py-3"}>
            <Markdown text={message.content} />
          </div>
        </li>
      ))}
    </ol>
  );
}
