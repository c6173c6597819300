/** What the widget knows of a chat: its turns, as they are streamed and rated. */

export interface Choice {
  id: string;
  text: string;
  /** null while it is written; `stopped` and `error` are the widget's own. */
  end: string | null;
}

export interface Turn {
  prompt: string;
  completionId: string;
  choices: Choice[];
  thumb?: "up" | "down";
  /** The id of the thumb, to take it back. */
  feedbackId?: string;
  /** The better of two choices, or -1 for a tie. */
  better?: number;
}

export interface Thread {
  conversationId: string | null;
  training: boolean;
  turns: Turn[];
}

export const newThread = (training = false): Thread => ({ conversationId: null, training, turns: [] });

export const newTurn = (prompt: string, n: number): Turn => ({
  prompt,
  completionId: "",
  choices: Array.from({ length: n }, () => ({ id: "", text: "", end: null })),
});

/** The response that the next prompt follows: the better one, else the first. */
export function lastResponse({ turns }: Thread): string | null {
  const last = turns.at(-1);
  return last?.choices[Math.max(0, last.better ?? 0)]?.id || null;
}

export interface Chunk {
  id: string;
  choices: { index: number; delta: { content?: string | null }; finish_reason: string | null }[];
  tutelage?: { conversation_id?: string | null; message_ids?: string[] | null } | null;
  error?: { message: string };
}

/** Takes a chunk of the stream into the thread's last turn. Throws the error that the stream ends with. */
export function take(thread: Thread, turn: Turn, chunk: Chunk): void {
  if (chunk.error) throw new Error(chunk.error.message);
  turn.completionId = chunk.id;
  thread.conversationId = chunk.tutelage?.conversation_id ?? thread.conversationId;
  chunk.tutelage?.message_ids?.forEach((id, index) => (turn.choices[index]!.id = id));
  for (const { index, delta, finish_reason } of chunk.choices) {
    const choice = turn.choices[index]!;
    choice.text += delta.content ?? "";
    choice.end = finish_reason ?? choice.end;
  }
}

/** Whether the response ended by itself, so that it can be rated. */
export const isWhole = ({ end, id }: Choice) => id !== "" && (end === "stop" || end === "length");

const NOTES: Record<string, string> = {
  content_filter: "This answer was withheld by the filter.",
  length: "The answer was cut at the length limit.",
  stopped: "Stopped.",
  error: "The answer broke off.",
};

export const noteOf = ({ end }: Choice) => (end ? (NOTES[end] ?? "") : "");
