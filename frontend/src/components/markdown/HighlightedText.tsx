/** A text with highlighted spans. */
import { Fragment } from "react";

/** A start and an end. */
type Span = number[];

interface HighlightedTextProps {
  text: string;
  /** Characters (Unicode code points) from a start up to, not including, an end. */
  spans: Span[];
}

export function HighlightedText({ text, spans }: HighlightedTextProps) {
  const characters = Array.from(text); // the service counts code points, a string UTF-16 units
  const pieces: { from: number; to: number; marked: boolean }[] = [];
  let from = 0;
  for (const [start, end] of mergeSpans(spans)) {
    pieces.push({ from, to: start, marked: false }, { from: start, to: end, marked: true });
    from = end;
  }
  pieces.push({ from, to: characters.length, marked: false });
  return pieces.map((piece) => {
    const part = characters.slice(piece.from, piece.to).join("");
    if (!piece.marked) return <Fragment key={piece.from}>{part}</Fragment>;
    return (
      <mark key={`m${piece.from}`} className="rounded bg-warn-soft px-0.5 text-warn">
        {part}
      </mark>
    );
  });
}

/** Sorts spans and joins those that touch. */
export function mergeSpans(spans: Span[]): [number, number][] {
  const found: [number, number][] = [];
  for (const [start = 0, end = 0] of [...spans].sort(([a = 0], [b = 0]) => a - b)) {
    const last = found.at(-1);
    if (last && start <= last[1]) last[1] = Math.max(last[1], end);
    else found.push([start, end]);
  }
  return found;
}
