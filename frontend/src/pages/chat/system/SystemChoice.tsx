/** Says under which system prompt a new conversation begins, and lets one be chosen. */
import clsx from "clsx";
import { ScrollText } from "lucide-react";
import { useState } from "react";
import { useSystemPrompts } from "../../../api/queries";
import { t } from "../../../i18n";
import { SystemDialog } from "./SystemDialog";

export function SystemChoice({ text, onChange }: { text: string; onChange: (text: string) => void }) {
  const [open, setOpen] = useState(false);
  const name = useSystemName(text);
  return (
    <>
      <button
        type="button"
        aria-haspopup="dialog"
        onClick={() => setOpen(true)}
        className={clsx(
          "inline-flex h-8 max-w-48 items-center gap-2 rounded-full px-3 text-[13px] font-medium transition-colors",
          text ? "bg-accent-soft text-accent-ink" : "text-muted hover:bg-panel hover:text-ink",
        )}
      >
        <ScrollText aria-hidden className="size-4 shrink-0" />
        <bdi className="truncate">{text ? name : t("System prompt")}</bdi>
      </button>
      <SystemDialog
        open={open}
        text={text}
        action={t("Use")}
        onClose={() => setOpen(false)}
        onUse={(next) => {
          setOpen(false);
          onChange(next);
        }}
      />
    </>
  );
}

/** The name under which a text is saved. */
export function useSystemName(text: string): string {
  const { data } = useSystemPrompts();
  return data?.find((each) => each.text.trim() === text.trim())?.name ?? t("Own system prompt");
}
