/** Where one writes. Enter sends, Shift+Enter breaks the line; the draft survives a reload. */
import clsx from "clsx";
import { ArrowUp, Columns2, Columns3, Columns4, MessageSquare, Square } from "lucide-react";
import { useEffect, useRef, useState, type KeyboardEvent } from "react";
import { Tip } from "../../components/Button";
import { Menu, MenuChoice } from "../../components/Menu";
import { keepDraft, readDraft } from "./storage";

const FORMS = [
  { value: "1", label: "One answer", icon: MessageSquare },
  { value: "2", label: "Compare 2 answers", icon: Columns2 },
  { value: "3", label: "Compare 3 answers", icon: Columns3 },
  { value: "4", label: "Compare 4 answers", icon: Columns4 },
];

interface ComposerProps {
  conversation: string | undefined;
  live: boolean;
  onSend: (text: string, n: number) => void;
  onStop: () => void;
}

export function Composer({ conversation, live, onSend, onStop }: ComposerProps) {
  const [text, setText] = useState(() => readDraft(conversation));
  const [n, setN] = useState("1");
  const box = useRef<HTMLTextAreaElement>(null);
  const ready = text.trim() !== "" && !live;

  useEffect(() => {
    if (matchMedia("(pointer: fine)").matches) box.current?.focus();
  }, []);

  function write(next: string) {
    setText(next);
    keepDraft(conversation, next);
  }

  function send() {
    if (!ready) return;
    write("");
    onSend(text.trim(), Number(n));
  }

  function keys(event: KeyboardEvent) {
    if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) {
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
          placeholder="Ask anything"
          rows={1}
          value={text}
          onChange={(event) => write(event.target.value)}
          onKeyDown={keys}
          className="field-sizing-content block max-h-[40dvh] w-full resize-none bg-transparent px-3 pt-2 pb-1.5 outline-none placeholder:text-faint"
        />
        <div className="flex items-center justify-between pl-1">
          <AnswerForm n={n} onChange={setN} />
          {live ? (
            <Round label="Stop (Esc)" icon={<Square aria-hidden className="size-3.5 fill-current" />} onClick={onStop} />
          ) : (
            <Round submit disabled={!ready} label="Send" icon={<ArrowUp aria-hidden className="size-5" strokeWidth={2.3} />} />
          )}
        </div>
      </form>
      <p className="mt-2 text-center text-xs text-faint">
        Tutelage can be wrong. Check what matters.
      </p>
    </div>
  );
}

function AnswerForm({ n, onChange }: { n: string; onChange: (n: string) => void }) {
  const form = FORMS.find((each) => each.value === n)!;
  return (
    <Menu
      side="top"
      align="start"
      trigger={
        <button
          type="button"
          className={clsx(
            "inline-flex h-8 items-center gap-2 rounded-full px-3 text-[13px] font-medium transition-colors",
            n === "1" ? "text-muted hover:bg-panel hover:text-ink" : "bg-accent-soft text-accent-ink",
          )}
        >
          <form.icon aria-hidden className="size-4" />
          {form.label}
        </button>
      }
    >
      <MenuChoice label="Answers to your next message" value={n} options={FORMS} onChange={onChange} />
    </Menu>
  );
}

interface RoundProps {
  label: string;
  icon: React.ReactNode;
  submit?: boolean;
  disabled?: boolean;
  onClick?: () => void;
}

function Round({ label, icon, submit, disabled, onClick }: RoundProps) {
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
