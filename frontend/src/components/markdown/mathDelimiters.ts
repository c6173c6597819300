/** Converts the LaTeX delimiters \\( \\) and \\[ \\] to the dollar signs that the parser reads. */
export function withDollarMath(text: string): string {
  const parts = text.split(/(```[\s\S]*?(?:```|$)|`[^`\n]*`)/); // every second one is code
  return parts.map((part, index) => (index % 2 ? part : outsideCode(part))).join("");
}

function outsideCode(text: string): string {
  return text
    .replace(/\\\[([\s\S]+?)\\\]/g, (_, inner: string) => `\n$$\n${inner.trim()}\n$$\n`)
    .replace(/\\\((.+?)\\\)/g, (_, inner: string) => `$$${inner}$$`);
}
