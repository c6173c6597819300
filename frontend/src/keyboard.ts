/** What a key in a text box means. */

interface Pressed {
  key: string;
  shiftKey: boolean;
  ctrlKey: boolean;
  metaKey: boolean;
  isComposing: boolean;
  keyCode: number;
}

/** Safari ends a composition before the Enter that confirms it; only its key code still tells. */
const COMPOSING = 229;

/**
 * Whether a key sends the text. Ctrl or Cmd with Enter always sends. Enter alone sends where there is a
 * fine pointer; on a touch screen it breaks the line, as Shift+Enter does everywhere. An Enter that confirms
 * a word of an input method never sends.
 */
export function isSend(event: Pressed, touch: boolean): boolean {
  if (event.key !== "Enter" || event.isComposing || event.keyCode === COMPOSING) return false;
  return event.ctrlKey || event.metaKey || (!event.shiftKey && !touch);
}

/** Whether the main pointer is a finger. */
export const isTouch = (): boolean => matchMedia("(pointer: coarse)").matches;
