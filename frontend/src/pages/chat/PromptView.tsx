/** A message of the user, and its editor, which starts another branch. */
import { Pencil } from "lucide-react";
import { useState, type KeyboardEvent } from "react";
import type { Message } from "../../api/types";
import { Button, IconButton } from "../../components/Button";
import { BranchSwitch, type Branch } from "./response/BranchSwitch";
import { CopyButton } from "./response/CopyButton";
import { ModerationNotice } from "./ModerationNotice";
import { isPending } from "./turn";
import { isSend, isTouch } from "../../keyboard";

interface PromptViewProps {
  message: Message;
  branch: Branch;
  onEdit: (text: string) => void;
}

export function PromptView({ message, branch, onEdit }: PromptViewProps) {
  const [editing, setEditing] = useState(false);

  if (editing)
    return (
      <PromptEditor
        text={message.content}
        onCancel={() => setEditing(false)}
        onSave={(text) => {
          setEditing(false);
          onEdit(text);
        }}
      />
    );
  return (
    <article aria-label="Your message" className="group -mb-3 flex animate-rise flex-col items-end">
      <div dir="auto" className="max-w-[85%] rounded-3xl rounded-br-lg bg-panel px-4.5 py-2.5 leading-relaxed wrap-anywhere whitespace-pre-wrap">
        {message.content}
      </div>
      {message.moderation?.action === "warn" && (
        <ModerationNotice verdict={message.moderation} messageId={isPending(message) ? null : message.id} className="mt-2 max-w-[85%]" />
      )}
      {!isPending(message) && (
        <div className="mt-1 flex h-8 items-center opacity-0 transition-opacity group-focus-within:opacity-100 group-hover:opacity-100 pointer-coarse:opacity-100">
          <CopyButton text={message.content} />
          <IconButton icon={Pencil} label="Edit and ask again" disabled={branch.disabled} onClick={() => setEditing(true)} />
          <BranchSwitch message={message} branch={branch} />
        </div>
      )}
    </article>
  );
}

interface PromptEditorProps {
  text: string;
  onCancel: () => void;
  onSave: (text: string) => void;
}

function PromptEditor({ text: before, onCancel, onSave }: PromptEditorProps) {
  const [text, setText] = useState(before);
  const ready = text.trim() !== "" && text !== before;

  function keys(event: KeyboardEvent) {
    if (isSend(event.nativeEvent, isTouch())) {
      event.preventDefault();
      if (ready) onSave(text);
    } else if (event.key === "Escape") {
      event.preventDefault();
      onCancel();
    }
  }

  return (
    <div className="rounded-2xl border border-line-strong bg-surface p-3 shadow-soft">
      <textarea
        autoFocus
        aria-label="Edit your message"
        dir="auto"
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={keys}
        className="field-sizing-content max-h-80 min-h-16 w-full resize-none bg-transparent px-1.5 outline-none"
      />
      <div className="mt-2 flex items-center justify-end gap-2">
        <p className="mr-auto hidden pl-1.5 text-xs text-faint sm:block">Your original message is kept; you can switch back to it.</p>
        <Button small onClick={onCancel}>
          Cancel
        </Button>
        <Button small kind="primary" disabled={!ready} onClick={() => onSave(text)}>
          Send
        </Button>
      </div>
    </div>
  );
}
