/** The letter of an answer in a comparison, by its position on the screen. */
export const LETTERS = "ABCDEFGHIJKLMNOP";

export function OptionLetter({ letter }: { letter: string }) {
  return (
    <span
      aria-hidden
      className="inline-flex size-7 shrink-0 items-center justify-center rounded-lg bg-accent-soft text-sm font-semibold text-accent-ink"
    >
      {letter}
    </span>
  );
}
