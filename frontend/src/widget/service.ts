/** Calls from a page of another site: the site key, and the visitor's secret of this browser. */
import { readEvents } from "../api/sse";
import type { Chunk, Thread } from "./thread";

const VISITOR = "tutelage-visitor";

/** A random secret that this browser keeps; without storage it lasts as long as the page. */
export function visitorSecret(storage: Pick<Storage, "getItem" | "setItem"> | null): string {
  const made = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  try {
    const known = storage?.getItem(VISITOR);
    if (known) return known;
    storage?.setItem(VISITOR, made);
  } catch {
    // no storage here
  }
  return made;
}

export class Service {
  constructor(
    private url: string,
    private key: string,
    private visitor: string,
  ) {}

  /** The chunks of a turn of n choices. */
  async *ask(thread: Thread, prompt: string, parent: string | null, n: number, signal: AbortSignal): AsyncGenerator<Chunk> {
    const place = thread.conversationId ? { conversation_id: thread.conversationId, parent_id: parent } : {};
    const body = { model: "tutelage", messages: [{ role: "user", content: prompt }], n, stream: true, ...place };
    const training: Record<string, string> = thread.training ? {} : { "x-tutelage-training": "off" };
    const response = await this.call("POST", "/v1/chat/completions", body, signal, training);
    if (!response.body) throw new Error("This browser cannot read streams.");
    for await (const data of readEvents(response.body)) if (data !== "[DONE]") yield JSON.parse(data) as Chunk;
  }

  async rate(body: object): Promise<string> {
    const response = await this.call("POST", "/v1/feedback", body);
    return ((await response.json()) as { id: string }).id;
  }

  async withdraw(feedbackId: string): Promise<void> {
    await this.call("DELETE", `/v1/feedback/${encodeURIComponent(feedbackId)}`);
  }

  private async call(method: string, path: string, body?: object, signal?: AbortSignal, more: Record<string, string> = {}): Promise<Response> {
    const headers = {
      authorization: `Bearer ${this.key}`,
      "x-tutelage-visitor": this.visitor,
      ...(body && { "content-type": "application/json" }),
      ...more,
    };
    const request = { method, headers, body: body && JSON.stringify(body), signal, credentials: "omit" as const, referrerPolicy: "no-referrer" as const };
    const response = await fetch(this.url + path, request).catch((error: unknown) => {
      if (signal?.aborted) throw error;
      throw new Error("The assistant cannot be reached. Check your connection and try again.");
    });
    if (response.ok) return response;
    const said = (await response.json().catch(() => null)) as { error?: { message?: string } } | null;
    throw new Error(said?.error?.message ?? `The assistant responded with status ${response.status}.`);
  }
}
