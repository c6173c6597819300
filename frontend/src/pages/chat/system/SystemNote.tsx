/** The system prompt that is in force, and how to ask again from the beginning under another one. */
import { Pencil, ScrollText } from "lucide-react";
import { useState } from "react";
import type { Message } from "../../../api/types";
import { IconButton } from "../../../components/Button";
import { Trans, t } from "../../../i18n";
import { BranchSwitch } from "../response/BranchSwitch";
import { isPending, type Prompt } from "../turn";
import { useSystemName } from "./SystemChoice";
import { SystemDialog } from "./SystemDialog";

interface SystemNoteProps {
  message: Message;
  /** The first message of the user under it. */
  opening: string | undefined;
  versions: Message[];
  live: boolean;
  onAsk: (prompt: Prompt) => void;
  onBranch: (message: Message) => void;
}

export function SystemNote({ message, opening, versions, live, onAsk, onBranch }: SystemNoteProps) {
  const [open, setOpen] = useState(false);
  const name = useSystemName(message.content);
  return (
    <section aria-label={t("System prompt")} className="-mb-3 flex items-start gap-1 rounded-2xl border border-line px-4 py-2 text-sm">
      <details className="min-w-0 flex-1">
        <summary className="flex min-h-8 cursor-pointer items-center gap-2 text-[13px] text-muted hover:text-ink">
          <ScrollText aria-hidden className="size-4 shrink-0" />
          <span className="truncate">
            <Trans i18nKey="System prompt: <bdi>{{name}}</bdi>" values={{ name }} components={{ bdi: <bdi className="font-medium text-ink" /> }} />
          </span>
        </summary>
        <p dir="auto" lang="" className="mt-1 max-h-60 overflow-y-auto pb-2 wrap-anywhere whitespace-pre-wrap">
          {message.content}
        </p>
      </details>
      {!isPending(message) && (
        <>
          <BranchSwitch message={message} versions={versions} disabled={live} onBranch={onBranch} />
          {opening !== undefined && (
            <IconButton icon={Pencil} label={t("Change the system prompt and ask again")} disabled={live} onClick={() => setOpen(true)} />
          )}
        </>
      )}
      {opening !== undefined && (
        <SystemDialog
          open={open}
          text={message.content}
          action={t("Ask again from the beginning")}
          hint={t("Your first message is asked again under the new system prompt. This version is kept; you can switch back to it.")}
          onClose={() => setOpen(false)}
          onUse={(system) => {
            setOpen(false);
            onAsk({ parentId: null, text: opening, n: 1, ...(system && { system }) });
          }}
        />
      )}
    </section>
  );
}
