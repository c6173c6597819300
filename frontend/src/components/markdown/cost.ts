/**
 * Text whose Markdown would take the browser seconds, or its whole stack, to parse: thousands of quote marks, deeply
 * nested lists, long runs of emphasis. Such text is shown as it is. Each check is linear in the length.
 */

/** Quote marks and list marks before a line's text, each of which opens a block inside the last one. */
const MAX_NESTED = 16;
/** Emphasis is matched against all open emphasis of its paragraph. */
const MAX_EMPHASIS = 300;
const MAX_MARKS = 2_500;
const MAX_LINES = 1_500;
const MAX_BRACES = 40;

const MARKS = new RegExp(`^(?:[ \\t]*(?:>|[-*+]|\\d{1,9}[.)])){${MAX_NESTED}}`, "m");
const INDENT = new RegExp(`^(?:  |\\t){${MAX_NESTED}}[ \\t]*(?:>|[-*+]|\\d{1,9}[.)])[ \\t]`, "m");

const amount = (text: string, marks: RegExp): number => text.match(marks)?.length ?? 0;

function braceDepth(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const brace of text.match(/[{}]/g) ?? []) {
    depth = Math.max(0, depth + (brace === "{" ? 1 : -1));
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}

/** The text without its fenced code, which is cheap. */
function outsideFences(text: string): string {
  let fence: string | null = null;
  const outside = text.split("\n").filter((line) => {
    const mark = /^ {0,3}(```+|~~~+)/.exec(line)?.[1];
    if (fence === null && mark) fence = mark;
    else if (fence !== null && mark?.startsWith(fence)) fence = null;
    else return fence === null;
    return false;
  });
  return outside.join("\n");
}

export function isCostly(text: string): boolean {
  const prose = outsideFences(text);
  return (
    MARKS.test(prose) ||
    INDENT.test(prose) ||
    amount(prose, /[*_~`[\]()<>|$&\\^{}=@]/g) > MAX_MARKS ||
    amount(prose, /\n/g) > MAX_LINES ||
    braceDepth(prose) > MAX_BRACES ||
    prose.split(/\n\s*\n/).some((paragraph) => amount(paragraph, /[*_~`[\]]/g) > MAX_EMPHASIS)
  );
}
