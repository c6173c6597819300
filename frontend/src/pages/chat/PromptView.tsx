/** A message of the user, and its editor, which starts another branch. */
import { Pencil } from "lucide-react";
import { memo, useState, type KeyboardEvent } from "react";
import type { Message } from "../../api/types";
import { Button, IconButton } from "../../components/Button";
import { t } from "../../i18n";
import { BranchSwitch } from "./response/BranchSwitch";
import { CopyButton } from "./response/CopyButton";
import { ModerationNotice } from "./ModerationNotice";
import { isPending, type Prompt } from "./turn";
import { isSend, isTouch } from "../../keyboard";
import { usePersisted } from "../../persisted";
import { sameProps } from "../../stable";

interface PromptViewProps {
  message: Message;
  /** The prompts at the same place of the tree, this one included. */
  versions: Message[];
  /** An answer is being generated. */
  live: boolean;
  onAsk: (prompt: Prompt) => void;
  onBranch: (message: Message) => void;
}

export const PromptView = memo(function PromptView({ message, versions, live, onAsk, onBranch }: PromptViewProps) {
  const [editing, setEditing] = useState(false);
  const draft = `prompt.${message.id}`;

  if (editing)
    return (
      <PromptEditor
        before={message.content}
        draft={draft}
        onCancel={() => setEditing(false)}
        onSave={(text) => {
          setEditing(false);
          onAsk({ parentId: message.parent_id, text, n: 1, draft });
        }}
      />
    );
  return (
    <article aria-label={t("Your message")} className="group message -mb-3 flex animate-rise flex-col items-end">
      <div dir="auto" lang="" className="max-w-[85%] rounded-3xl rounded-br-lg bg-panel px-4.5 py-2.5 leading-relaxed wrap-anywhere whitespace-pre-wrap">
        {message.content}
      </div>
      {message.moderation?.action === "warn" && (
        <ModerationNotice verdict={message.moderation} messageId={isPending(message) ? null : message.id} className="mt-2 max-w-[85%]" />
      )}
      {!isPending(message) && (
        <div className="mt-1 flex h-8 items-center opacity-0 transition-opacity group-focus-within:opacity-100 group-hover:opacity-100 pointer-coarse:opacity-100">
          <CopyButton text={message.content} />
          <IconButton icon={Pencil} label={t("Edit and ask again")} data-edit disabled={live} onClick={() => setEditing(true)} />
          <BranchSwitch message={message} versions={versions} disabled={live} onBranch={onBranch} />
        </div>
      )}
    </article>
  );
}, sameProps);

interface PromptEditorProps {
  before: string;
  draft: string;
  onCancel: () => void;
  onSave: (text: string) => void;
}

function PromptEditor({ before, draft, onCancel, onSave }: PromptEditorProps) {
  const [text, setText] = usePersisted(draft, before);
  const ready = text.trim() !== "" && text !== before;

  function end(act: () => void) {
    setText(null);
    act();
  }

  function keys(event: KeyboardEvent) {
    if (isSend(event.nativeEvent, isTouch())) {
      event.preventDefault();
      if (ready) end(() => onSave(text));
    } else if (event.key === "Escape") {
      event.preventDefault();
      end(onCancel);
    }
  }

  return (
    <div className="rounded-2xl border border-line-strong bg-surface p-3 shadow-soft">
      <textarea
        autoFocus
        aria-label={t("Edit your message")}
        dir="auto"
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={keys}
        className="field-sizing-content max-h-80 min-h-16 w-full resize-none bg-transparent px-1.5 outline-none"
      />
      <div className="mt-2 flex items-center justify-end gap-2">
        <p className="me-auto hidden ps-1.5 text-xs text-faint sm:block">{t("Your original message is kept; you can switch back to it.")}</p>
        <Button small onClick={() => end(onCancel)}>
          {t("Cancel")}
        </Button>
        <Button small kind="primary" disabled={!ready} onClick={() => end(() => onSave(text))}>
          {t("Send")}
        </Button>
      </div>
    </div>
  );
}
