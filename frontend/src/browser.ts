/** Replacements for browser functions that exist only in secure contexts, so that plain HTTP in a local network works. */

export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Copies a text; `shown`, where the text is shown, gets a copy event, as if it had been selected. */
export async function copyText(text: string, shown?: Element): Promise<void> {
  await write(text);
  shown?.dispatchEvent(new Event("copy", { bubbles: true }));
}

async function write(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  area.style.position = "fixed";
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
