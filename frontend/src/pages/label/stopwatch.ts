/** Measures the time spent on a task, over reloads too. */
import { useEffect } from "react";
import { persist, persisted } from "../../persisted";

interface Stopwatch {
  /** Seconds since the task was shown for the first time, a day at most. */
  seconds: () => number;
  forget: () => void;
}

const DAY_S = 86_400;

export function useStopwatch(task: string): Stopwatch {
  const name = `began.${task}`;
  const began = () => persisted(name, Date.now());
  useEffect(() => persist(name, persisted(name, Date.now())), [name]);
  return {
    seconds: () => Math.min(DAY_S, Math.max(0, Math.round((Date.now() - began()) / 1000))),
    forget: () => persist(name, null),
  };
}
