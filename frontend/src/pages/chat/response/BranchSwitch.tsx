/** ‹ 2 / 3 ›: goes to the message before or after this one at the same place of the tree. */
import { ChevronLeft, ChevronRight } from "lucide-react";
import type { Message } from "../../../api/types";

export interface Branch {
  siblings: Message[];
  onBranch: (message: Message) => void;
  disabled: boolean;
}

const ARROW = "inline-flex size-7 items-center justify-center rounded-md hover:bg-panel hover:text-ink disabled:opacity-35";

export function BranchSwitch({ message, branch }: { message: Message; branch: Branch }) {
  const { siblings, onBranch, disabled } = branch;
  const index = siblings.findIndex((sibling) => sibling.id === message.id);
  const before = siblings[index - 1];
  const after = siblings[index + 1];
  if (siblings.length < 2) return null;
  return (
    <div role="group" aria-label="Versions" className="inline-flex items-center text-[13px] text-muted">
      <button
        type="button"
        aria-label="Previous version"
        className={ARROW}
        disabled={disabled || !before}
        onClick={() => before && onBranch(before)}
      >
        <ChevronLeft aria-hidden className="size-4" />
      </button>
      <span className="tabular-nums">
        {index + 1}/{siblings.length}
      </span>
      <button
        type="button"
        aria-label="Next version"
        className={ARROW}
        disabled={disabled || !after}
        onClick={() => after && onBranch(after)}
      >
        <ChevronRight aria-hidden className="size-4" />
      </button>
    </div>
  );
}
