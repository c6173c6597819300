/** The message box. Enter sends, Shift+Enter breaks the line (on touch screens Enter does); the draft survives a reload. */
import clsx from "clsx";
import { ArrowUp, Columns3, MessageSquare, Square } from "lucide-react";
import { useEffect, useRef, useState, type KeyboardEvent } from "react";
import { Tip } from "../../components/Button";
import { Menu, MenuChoice, MenuNumbers } from "../../components/Menu";
import { isSend, isTouch } from "../../keyboard";
import { saveDraft, readDraft } from "./storage";

interface ComposerProps {
  conversation: string | undefined;
  live: boolean;
  onSend: (text: string, n: number) => void;
  onStop: () => void;
}

export function Composer({ conversation, live, onSend, onStop }: ComposerProps) {
  const [text, setText] = useState(() => readDraft(conversation));
  const [n, setN] = useState(1);
  const box = useRef<HTMLTextAreaElement>(null);
  const ready = text.trim() !== "" && !live;

  useEffect(() => {
    if (matchMedia("(pointer: fine)").matches) box.current?.focus();
  }, []);

  function write(next: string) {
    setText(next);
    saveDraft(conversation, next);
  }

  function send() {
    if (!ready) return;
    write("");
    onSend(text.trim(), n);
  }

  function keys(event: KeyboardEvent) {
    if (isSend(event.nativeEvent, isTouch())) {
      event.preventDefault();
      send();
    }
  }

  return (
    <div className="px-3 pb-[max(0.75rem,env(safe-area-inset-bottom))] sm:px-6">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          send();
        }}
        className="mx-auto max-w-[46.5rem] rounded-3xl border border-line-strong bg-surface p-2 shadow-soft transition-colors focus-within:border-accent"
      >
        <textarea
          ref={box}
          aria-label="Message"
          dir="auto"
          placeholder="Ask anything"
          rows={1}
          value={text}
          onChange={(event) => write(event.target.value)}
          onKeyDown={keys}
          className="field-sizing-content block max-h-[40dvh] w-full resize-none bg-transparent px-3 pt-2 pb-1.5 outline-none placeholder:text-faint"
        />
        <div className="flex items-center justify-between pl-1">
          <AnswerCount n={n} onChange={setN} />
          {live ? (
            <RoundButton label="Stop (Esc)" icon={<Square aria-hidden className="size-3.5 fill-current" />} onClick={onStop} />
          ) : (
            <RoundButton submit disabled={!ready} label="Send" icon={<ArrowUp aria-hidden className="size-5" strokeWidth={2.3} />} />
          )}
        </div>
      </form>
      <p className="mt-2 text-center text-xs text-faint">
        Tutelage can make mistakes. Check important information.
      </p>
    </div>
  );
}

const ONE = { value: "1", label: "Single answer", icon: MessageSquare };
const several = (n: number) => `Compare ${n} answers`;

function AnswerCount({ n, onChange }: { n: number; onChange: (n: number) => void }) {
  const Icon = n === 1 ? MessageSquare : Columns3;
  return (
    <Menu
      side="top"
      align="start"
      trigger={
        <button
          type="button"
          className={clsx(
            "inline-flex h-8 items-center gap-2 rounded-full px-3 text-[13px] font-medium transition-colors",
            n === 1 ? "text-muted hover:bg-panel hover:text-ink" : "bg-accent-soft text-accent-ink",
          )}
        >
          <Icon aria-hidden className="size-4" />
          {n === 1 ? ONE.label : several(n)}
        </button>
      }
    >
      <MenuChoice label="Number of answers" value={String(n)} options={[ONE]} onChange={() => onChange(1)} />
      <MenuNumbers label="Compare side by side" name={several} chosen={n} onSelect={onChange} />
    </Menu>
  );
}

interface RoundButtonProps {
  label: string;
  icon: React.ReactNode;
  submit?: boolean;
  disabled?: boolean;
  onClick?: () => void;
}

function RoundButton({ label, icon, submit, disabled, onClick }: RoundButtonProps) {
  return (
    <Tip label={label} side="top">
      <button
        type={submit ? "submit" : "button"}
        aria-label={label}
        disabled={disabled}
        onClick={onClick}
        className={clsx(
          "inline-flex size-9 items-center justify-center rounded-full transition-colors",
          disabled ? "cursor-not-allowed bg-panel text-faint" : "bg-accent text-on-accent hover:bg-accent-hover",
        )}
      >
        {icon}
      </button>
    </Tip>
  );
}
