/** The message box. Enter sends, Shift+Enter breaks the line (on touch screens Enter does); the draft survives a reload. */
import clsx from "clsx";
import { ArrowUp, Columns3, MessageSquare, Square } from "lucide-react";
import { useEffect, useRef, useState, type KeyboardEvent, type MouseEvent, type ReactNode } from "react";
import { Tip } from "../../components/Button";
import { Menu, MenuChoice, MenuNumbers } from "../../components/Menu";
import { t } from "../../i18n";
import { isSend, isTouch } from "../../keyboard";
import { onSingleClick } from "../../clicks";
import { useToast } from "../../components/feedback/Toast";
import { usePersisted } from "../../persisted";

/** The share of the limit from which on the length is shown. */
const NEAR = 0.8;

/** Puts the cursor into the message box; not on touch screens, where a keyboard would cover the page. */
export function focusMessage(): void {
  if (!isTouch()) document.getElementById("message")?.focus();
}

interface ComposerProps {
  /** The name of the persisted draft. */
  draft: string;
  /** The most characters that the service takes. */
  limit: number;
  live: boolean;
  onSend: (text: string, n: number) => void;
  onStop: () => void;
  /** Beside the number of answers. */
  children?: ReactNode;
}

export function Composer({ draft, limit, live, onSend, onStop, children }: ComposerProps) {
  const [text, write] = usePersisted(draft, "");
  const [n, setN] = useState(1);
  const box = useRef<HTMLTextAreaElement>(null);
  const toast = useToast();
  const length = text.length < limit * NEAR ? 0 : Array.from(text.trim()).length;
  const ready = text.trim() !== "" && length <= limit && !live;

  useEffect(focusMessage, []);

  function send() {
    if (!ready) return;
    write(null);
    onSend(text.trim(), n);
  }

  function keys(event: KeyboardEvent) {
    if (isSend(event.nativeEvent, isTouch())) {
      event.preventDefault();
      send();
    } else if (event.key === "ArrowUp" && text === "" && !live) {
      editLast(event);
    }
  }

  /** Files are not taken, and that is said. */
  function refuse(event: { preventDefault: () => void }, data: DataTransfer) {
    if (data.files.length === 0 || data.types.includes("text/plain")) return;
    event.preventDefault();
    toast(t("Files and pictures can't be attached. Paste their text instead."));
  }

  return (
    <div className="px-3 pb-[max(0.75rem,env(safe-area-inset-bottom))] sm:px-6">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          send();
        }}
        onDragOver={(event) => event.preventDefault()}
        onDrop={(event) => refuse(event, event.dataTransfer)}
        onPaste={(event) => refuse(event, event.clipboardData)}
        className="mx-auto max-w-[46.5rem] rounded-3xl border border-line-strong bg-surface p-2 shadow-soft transition-colors focus-within:border-accent"
      >
        <textarea
          ref={box}
          id="message"
          aria-label={t("Message")}
          dir="auto"
          placeholder={t("Ask anything")}
          rows={1}
          value={text}
          onChange={(event) => write(event.target.value)}
          onKeyDown={keys}
          className="block field-sizing-content max-h-[calc(var(--visible)*0.4)] w-full resize-none bg-transparent px-3 pt-2 pb-1.5 outline-none placeholder:text-faint"
        />
        <div className="flex items-center justify-between ps-1">
          <div className="flex min-w-0 flex-wrap items-center">
            <AnswerCount n={n} onChange={setN} onClosed={() => box.current?.focus()} />
            {children}
          </div>
          {length > 0 && (
            <p role="status" className={clsx("me-3 ms-auto text-xs tabular-nums", length > limit ? "text-danger" : "text-muted")}>
              {t("{{length}} of {{limit}} characters", { length, limit })}
            </p>
          )}
          {live ? (
            <RoundButton label={t("Stop (Esc)")} icon={<Square aria-hidden className="size-3.5 fill-current" />} onClick={(event) => onSingleClick(event, onStop)} />
          ) : (
            <RoundButton submit disabled={!ready} label={t("Send")} icon={<ArrowUp aria-hidden className="size-5" strokeWidth={2.3} />} />
          )}
        </div>
      </form>
      <p className="tall-only mt-2 text-center text-xs text-faint">
        {t("Tutelage can make mistakes. Check important information.")}
      </p>
    </div>
  );
}

/** Opens the editor of the last prompt. */
function editLast(event: KeyboardEvent) {
  const button = [...document.querySelectorAll<HTMLElement>("[data-edit]")].at(-1);
  if (!button) return;
  event.preventDefault();
  button.click();
}

const ONE = { value: "1", label: t("Single answer"), icon: MessageSquare };
const several = (n: number) => t("Compare {{count}} answers", { count: n });

function AnswerCount({ n, onChange, onClosed }: { n: number; onChange: (n: number) => void; onClosed: () => void }) {
  const Icon = n === 1 ? MessageSquare : Columns3;
  return (
    <Menu
      side="top"
      align="start"
      onClosed={onClosed}
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
      <MenuChoice label={t("Number of answers")} value={String(n)} options={[ONE]} onChange={() => onChange(1)} />
      <MenuNumbers label={t("Compare side by side")} name={several} chosen={n} onSelect={onChange} />
    </Menu>
  );
}

interface RoundButtonProps {
  label: string;
  icon: React.ReactNode;
  submit?: boolean;
  disabled?: boolean;
  onClick?: (event: MouseEvent) => void;
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
