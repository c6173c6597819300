/** ‹ 2 / 3 ›: goes to the message before or after this one at the same place of the tree. */
import { ChevronLeft, ChevronRight } from "lucide-react";
import type { Message } from "../../../api/types";
import { t } from "../../../i18n";

interface BranchSwitchProps {
  message: Message;
  /** The messages at the same place of the tree, oldest first. */
  versions: Message[];
  disabled: boolean;
  onBranch: (message: Message) => void;
}

const ARROW = "inline-flex size-7 items-center justify-center rounded-md hover:bg-panel hover:text-ink disabled:opacity-35";

export function BranchSwitch({ message, versions, disabled, onBranch }: BranchSwitchProps) {
  const index = versions.findIndex((version) => version.id === message.id);
  const before = versions[index - 1];
  const after = versions[index + 1];
  if (versions.length < 2) return null;
  return (
    <div role="group" aria-label={t("Versions")} className="inline-flex items-center text-[13px] text-muted">
      <button
        type="button"
        aria-label={t("Previous version")}
        className={ARROW}
        disabled={disabled || !before}
        onClick={() => before && onBranch(before)}
      >
        <ChevronLeft aria-hidden className="size-4" />
      </button>
      <span className="tabular-nums">
        {index + 1}/{versions.length}
      </span>
      <button
        type="button"
        aria-label={t("Next version")}
        className={ARROW}
        disabled={disabled || !after}
        onClick={() => after && onBranch(after)}
      >
        <ChevronRight aria-hidden className="size-4" />
      </button>
    </div>
  );
}
