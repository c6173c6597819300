/** The second click of a double click is not a second act. */
import { useRef } from "react";

const DOUBLE_CLICK_MS = 350;

/** Runs an act for a click, unless the click is the second of a double click. */
export function useSingleClick(): (click: { detail: number }, act: () => void) => void {
  const last = useRef(-Infinity);
  return ({ detail }, act) => {
    const now = performance.now();
    if (detail > 1 || now - last.current < DOUBLE_CLICK_MS) return;
    last.current = now;
    act();
  };
}
