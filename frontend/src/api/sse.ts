/** Parser of server-sent events (HTML standard) that keeps the data field only. */

/** Takes chunks of text and returns the data of every event that is complete. */
export class EventParser {
  private rest = "";
  private data: string[] = [];

  push(text: string): string[] {
    this.rest += text;
    const events: string[] = [];
    for (let line = this.nextLine(); line !== null; line = this.nextLine()) {
      if (line === "") this.finish(events);
      else this.read(line);
    }
    return events;
  }

  private nextLine(): string | null {
    const end = this.rest.search(/\r\n|\n|\r(?!$)/);
    if (end < 0) return null;
    const line = this.rest.slice(0, end);
    this.rest = this.rest.slice(this.rest.startsWith("\r\n", end) ? end + 2 : end + 1);
    return line;
  }

  private read(line: string): void {
    if (!line.startsWith("data:")) return;
    this.data.push(line.slice(line[5] === " " ? 6 : 5));
  }

  private finish(events: string[]): void {
    if (this.data.length > 0) events.push(this.data.join("\n"));
    this.data = [];
  }
}

/** The data of each event of a response body, until it ends. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const parser = new EventParser();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield* parser.push(decoder.decode(value, { stream: true }));
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
