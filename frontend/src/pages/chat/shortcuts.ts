/** The shortcuts of the chat, and what they are called. */
import { useEffect } from "react";
import { t } from "../../i18n";

export const SHORTCUTS = [
  { keys: "Ctrl K", text: t("Search conversations") },
  { keys: "Ctrl Shift O", text: t("New chat") },
  { keys: "Esc", text: t("Stop generating") },
  { keys: "↑", text: t("Edit your last message, from an empty message box") },
  { keys: "?", text: t("Show these shortcuts") },
] as const;

interface Shortcuts {
  onSearch: () => void;
  onNew: () => void;
  onHelp: () => void;
}

const isWriting = (target: EventTarget | null) =>
  target instanceof HTMLElement && (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName));

/** The handlers must stay the same over renders. */
export function useShortcuts({ onSearch, onNew, onHelp }: Shortcuts): void {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const command = event.ctrlKey || event.metaKey;
      const key = event.key.toLowerCase();
      const act =
        command && !event.shiftKey && key === "k" ? onSearch
        : command && event.shiftKey && key === "o" ? onNew
        : !command && key === "?" && !isWriting(event.target) ? onHelp
        : null;
      if (!act || event.isComposing) return;
      event.preventDefault();
      act();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, [onSearch, onNew, onHelp]);
}
