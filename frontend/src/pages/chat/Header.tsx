/** The title of the conversation, and its consent to training. */
import clsx from "clsx";
import { GraduationCap, PanelLeft } from "lucide-react";
import type { Conversation } from "../../api/types";
import { IconButton, Tip } from "../../components/Button";
import { SwitchTrack } from "../../components/Menu";
import { useToast } from "../../components/feedback/Toast";
import { t } from "../../i18n";
import { useConversationConsent } from "./consent/consent";
import { ExportMenu } from "./sidebar/ExportMenu";

interface HeaderProps {
  /** Whether the conversation list is hidden on wide screens too. */
  collapsed: boolean;
  onMenu: () => void;
  conversation?: Conversation;
  /** The last message of the branch in view. */
  leaf?: string;
  /** Null hides the switch. */
  training: boolean | null;
  onTraining: (training: boolean) => void;
}

export function Header({ collapsed, onMenu, conversation, leaf, training, onTraining }: HeaderProps) {
  const consent = useConversationConsent(conversation?.id);
  const toast = useToast();

  function change(next: boolean) {
    if (!conversation) return onTraining(next);
    consent.mutate(next, {
      onSuccess: () => toast(next ? t("This conversation may be used for training.") : t("This conversation will not be used for training.")),
      onError: (error) => toast(error.message),
    });
  }

  return (
    <header className="flex h-14 shrink-0 items-center gap-2 border-b border-line px-3 sm:px-5">
      <IconButton icon={PanelLeft} label={t("Open conversation list")} className={clsx(!collapsed && "lg:hidden")} onClick={onMenu} />
      <h1 className="min-w-0 flex-1 truncate text-sm font-medium">
        <bdi>{conversation?.title || t("New chat")}</bdi>
      </h1>
      {conversation && leaf && <ExportMenu conversation={conversation.id} leaf={leaf} />}
      {training !== null && (
        <Tip
          label={
            training
              ? t("This conversation and your feedback on it may be used for training.")
              : t("Nothing in this conversation is used for training.")
          }
        >
          <button
            type="button"
            role="switch"
            aria-checked={training}
            aria-label={t("Allow this conversation to be used for training")}
            disabled={consent.isPending}
            onClick={() => change(!training)}
            className={clsx(
              "inline-flex h-9 items-center gap-2.5 rounded-full pe-2 ps-3 text-[13px] font-medium hover:bg-panel",
              training ? "text-accent-ink" : "text-muted",
            )}
          >
            <GraduationCap aria-hidden className="size-4" />
            <span className="sm:hidden">{t("Training")}</span>
            <span className="hidden sm:inline">{training ? t("Used for training") : t("Not used for training")}</span>
            <SwitchTrack on={training} />
          </button>
        </Tip>
      )}
    </header>
  );
}
