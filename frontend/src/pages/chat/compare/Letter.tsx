/** What answers are called while one compares them: by where they are shown, not by who wrote them. */
export const LETTERS = "ABCDEFGHIJKLMNOP";

export function Letter({ letter }: { letter: string }) {
  return (
    <span
      aria-hidden
      className="inline-flex size-7 shrink-0 items-center justify-center rounded-lg bg-accent-soft text-sm font-semibold text-accent-ink"
    >
      {letter}
    </span>
  );
}
