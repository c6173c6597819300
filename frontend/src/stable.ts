/** A function that stays the same over renders, so that memoised components are not rendered again. */
import { useCallback, useLayoutEffect, useRef } from "react";

/** Calls the function of the latest render. For event handlers: not to be called while rendering. */
export function useStable<Args extends unknown[], Result>(handler: (...args: Args) => Result): (...args: Args) => Result {
  const latest = useRef(handler);
  useLayoutEffect(() => {
    latest.current = handler;
  });
  return useCallback((...args: Args) => latest.current(...args), []);
}

/** Whether all props are the same; lists are compared by their items. */
export function sameProps<Props extends object>(before: Props, after: Props): boolean {
  const names = Object.keys(after) as (keyof Props)[];
  return names.length === Object.keys(before).length && names.every((name) => same(before[name], after[name]));
}

function same(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((each, index) => each === b[index]);
  return Object.is(a, b);
}
