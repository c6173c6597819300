/** Measures the time spent on a task. */
import { useRef } from "react";

/** Seconds since the task was shown. */
export function useStopwatch(): () => number {
  const began = useRef(Date.now());
  return () => Math.round((Date.now() - began.current) / 1000);
}
