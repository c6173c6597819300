/** A turn: one request for answers, from the moment it is sent until its answers are stored. */
import { ApiError, streamChat, watchTurn } from "../../api/client";
import { readEvents } from "../../api/sse";
import type { Chunk, Message, TurnBegun, TurnProgress, Verdict } from "../../api/types";
import { t } from "../../i18n";

export interface TurnRequest {
  conversationId: string | null;
  /** The message that the prompt follows; when `text` is null, the prompt that is answered again. */
  parentId: string | null;
  text: string | null;
  n: number;
  /** The system prompt of a conversation, or of a branch from its root, that begins here. */
  system?: string;
  /** The response that is continued, which ended before it was complete. */
  continues?: { id: string; text: string };
  /** The requested policy; left out: the current one. */
  policyId?: string;
  /** The persisted draft that the text came from, and to which it returns if it could not be sent. */
  draft?: string;
  /** Whether a conversation that begins here may be trained on; null: the user's default. */
  training: boolean | null;
}

/** The prompt of a request. */
export type Prompt = Pick<TurnRequest, "parentId" | "text" | "n" | "system" | "continues" | "policyId" | "draft">;

export interface Answer {
  messageId: string | null;
  text: string;
  finishReason: string | null;
  verdict: Verdict | null;
}

export interface Turn {
  key: string;
  request: TurnRequest;
  state: "waiting" | "streaming" | "done" | "stopped" | "failed";
  conversationId: string | null;
  promptId: string | null;
  completionId: string | null;
  policyId: string | null;
  promptVerdict: Verdict | null;
  answers: Answer[];
  error: string | null;
  /** The same request would fail again. */
  permanent: boolean;
}

const PENDING = "pending-";

export function newTurn(key: string, request: TurnRequest): Turn {
  const answers = Array.from({ length: request.n }, () => ({
    messageId: null, text: request.continues?.text ?? "", finishReason: null, verdict: null,
  }));
  return {
    key, request, state: "waiting", conversationId: request.conversationId,
    promptId: request.text === null ? request.parentId : null,
    completionId: null, policyId: null, promptVerdict: null, answers, error: null, permanent: false,
  };
}

/** A turn that is being written and was not asked for by this page. */
export function watchedTurn(key: string, conversationId: string, begun: TurnBegun): Turn {
  const ids = begun.message_ids;
  const request = { conversationId, parentId: begun.prompt_message_id, text: null, n: ids.length, training: null };
  const turn = newTurn(key, request);
  const answers = turn.answers.map((answer, index) => ({ ...answer, messageId: ids[index]! }));
  return { ...turn, state: "streaming", completionId: begun.id, policyId: begun.policy_id, answers };
}

export function isLive(turn: Turn | undefined): boolean {
  return turn?.state === "waiting" || turn?.state === "streaming";
}

/** Whether the message is not stored yet. */
export function isPending(message: Message): boolean {
  return message.id.startsWith(PENDING);
}

/** The parent of the next prompt: the last answer, skipping a prompt without one. */
export function continuation(path: readonly Message[]): string | null {
  const last = path.findLast((message) => !isPending(message));
  return (last?.role === "user" ? last.parent_id : last?.id) ?? null;
}

/** Nothing of it was stored, and its text has returned to its draft. */
export function isReturned(turn: Turn): boolean {
  return turn.state === "failed" && turn.promptId === null;
}

/** The turn after one more chunk of its stream. */
export function withChunk(turn: Turn, chunk: Chunk): Turn {
  if (chunk.error) return { ...turn, state: "failed", error: chunk.error.message };
  const about = chunk.tutelage;
  const answers = turn.answers.map((answer, index) => withDelta(answer, index, chunk));
  return {
    ...turn,
    state: "streaming",
    conversationId: about?.conversation_id ?? turn.conversationId,
    promptId: about?.prompt_message_id ?? turn.promptId,
    completionId: chunk.id ?? turn.completionId,
    policyId: chunk.system_fingerprint ?? turn.policyId,
    promptVerdict: about?.moderation?.prompt ?? turn.promptVerdict,
    answers,
  };
}

function withDelta(answer: Answer, index: number, chunk: Chunk): Answer {
  const piece = chunk.choices?.find((choice) => choice.index === index);
  return {
    messageId: chunk.tutelage?.message_ids?.[index] ?? answer.messageId,
    text: answer.text + (piece?.delta?.content ?? ""),
    finishReason: piece?.finish_reason ?? answer.finishReason,
    verdict: chunk.tutelage?.moderation?.responses?.[index] ?? answer.verdict,
  };
}

/** The turn after one more event of watching it. */
export function withProgress(turn: Turn, { responses }: TurnProgress): Turn {
  const answers = turn.answers.map((answer, index) => {
    const more = responses[index]!;
    return { ...answer, messageId: more.id, text: answer.text + more.text, finishReason: more.finish_reason };
  });
  return { ...turn, state: "streaming", answers };
}

/** Yields what follows the text of a turn that is being written, until it ends or the connection does. */
export async function* watchedEvents(turn: Turn, signal: AbortSignal): AsyncGenerator<TurnProgress> {
  const after = turn.answers.map(({ text }) => [...text].length).join(",");
  const body = await watchTurn(turn.conversationId!, turn.completionId!, after, signal);
  for await (const data of readEvents(body)) yield JSON.parse(data) as TurnProgress;
}

const systemOf = ({ system }: TurnRequest) => (system ? [{ role: "system" as const, content: system }] : []);

/** Sends the request; yields each chunk. Ends early, without an error, when aborted. */
export async function* streamTurn(request: TurnRequest, signal: AbortSignal): AsyncGenerator<Chunk> {
  const { continues } = request;
  const parent_id = continues?.id ?? request.parentId;
  const place = request.conversationId && { conversation_id: request.conversationId, parent_id };
  const messages = request.text === null ? [] : [...systemOf(request), { role: "user" as const, content: request.text }];
  const model = request.policyId ?? "tutelage";
  const chat = { ...place, model, messages, n: request.n, ...(continues && { continue_final_message: true }) };
  const body = await streamChat(chat, { training: request.training, signal });
  try {
    for await (const data of readEvents(body)) {
      if (data === "[DONE]") return;
      yield JSON.parse(data) as Chunk;
    }
  } catch (error) {
    if (signal.aborted) throw error;
  }
  throw new ApiError(t("The connection was lost before the answer was complete. The text received so far is saved; try again."), 0);
}

/** The parent that is stored: if the answer to be continued was lost, the message before its prompt. */
export function storedParent(parentId: string | null, stored: ReadonlySet<string>, earlier: readonly Turn[]): string | null {
  if (parentId === null || stored.has(parentId)) return parentId;
  const lost = earlier.find((turn) => turn.promptId === parentId || turn.answers.some(({ messageId }) => messageId === parentId));
  return lost ? storedParent(lost.request.parentId, stored, earlier.filter((turn) => turn !== lost)) : parentId;
}

/** Whether every answer that the person has seen is stored. */
export function isStored(turn: Turn, stored: ReadonlySet<string>): boolean {
  return turn.answers.every(({ messageId, text }) => (messageId === null ? text === "" : stored.has(messageId)));
}

/** The stored messages, merged with those of a turn that are newer. */
export function withTurn(stored: readonly Message[], turn: Turn | undefined): Message[] {
  if (!turn) return [...stored];
  const known = new Set(stored.map((message) => message.id));
  const now = Math.max(0, ...stored.map((message) => message.created_at)) + 1;
  const fresh = turnMessages(turn, now).filter((message) => isLive(turn) || !known.has(message.id));
  const replaced = new Set(fresh.filter((message) => message.role === "assistant").map((message) => message.id));
  const kept = stored.filter((message) => !replaced.has(message.id));
  const asked = turn.promptId !== null && known.has(turn.promptId); // with its system prompt
  return [...kept, ...fresh.filter((message) => message.role === "assistant" || !asked)];
}

function turnMessages(turn: Turn, now: number): Message[] {
  if (isReturned(turn)) return [];
  const promptId = turn.promptId ?? `${PENDING}${turn.key}`;
  const blank = {
    completion_id: null, choice: null, policy_id: null, finish_reason: null, moderation: null, feedback: [],
    created_at: now,
  };
  const answers = turn.answers.map((answer, index): Message => ({
    ...blank, id: answer.messageId ?? `${PENDING}${turn.key}-${index}`, parent_id: promptId, role: "assistant",
    content: answer.text, completion_id: turn.completionId, choice: index, policy_id: turn.policyId,
    finish_reason: answer.finishReason, moderation: answer.verdict,
  }));
  const ended = turn.state === "failed" || turn.state === "stopped";
  const shown = ended ? answers.filter((answer) => answer.content !== "" && !isPending(answer)) : answers;
  if (turn.request.text === null) return shown;
  const system = systemOf(turn.request).map(
    (said): Message => ({ ...blank, ...said, id: `${PENDING}${turn.key}-system`, parent_id: turn.request.parentId }),
  );
  const prompt: Message = {
    ...blank, id: promptId, parent_id: system[0]?.id ?? turn.request.parentId, role: "user", content: turn.request.text,
    moderation: turn.promptVerdict,
  };
  return [...system, prompt, ...shown];
}
