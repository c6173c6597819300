/** The second click of a double click is not a second act. */
import { useRef } from "react";

const DOUBLE_CLICK_MS = 350;

/** Runs an act, unless it was run a moment ago. */
export function useSingleClick(): (act: () => void) => void {
  const last = useRef(-Infinity);
  return (act) => {
    const now = performance.now();
    if (now - last.current < DOUBLE_CLICK_MS) return;
    last.current = now;
    act();
  };
}
