import { expect, test } from "vitest";
import { continuation, isStored, newTurn, storedParent, watchedTurn, withChunk, withProgress, withTurn, type Turn, type TurnRequest } from "./turn";
import { visiblePath } from "./tree";
import type { Message } from "../../api/types";

const ASK: TurnRequest = { conversationId: null, parentId: null, text: "Hello?", n: 1, training: null };
const FIRST = {
  id: "chatcmpl-1", system_fingerprint: "policy-0002", choices: [{ index: 0, delta: { content: "" }, finish_reason: null }],
  tutelage: { conversation_id: "conv_1", prompt_message_id: "msg_1", message_ids: ["msg_2"] },
};

const piece = (content: string, index = 0) => ({ id: "chatcmpl-1", choices: [{ index, delta: { content }, finish_reason: null }] });
const after = (turn: Turn, ...chunks: Parameters<typeof withChunk>[1][]) => chunks.reduce(withChunk, turn);

test("the first chunk says where the turn is stored and who answers", () => {
  const turn = withChunk(newTurn("t", ASK), FIRST);
  expect([turn.conversationId, turn.promptId, turn.policyId]).toEqual(["conv_1", "msg_1", "policy-0002"]);
  expect(turn.state).toBe("streaming");
});

test("a system prompt is shown before the prompt until both are stored", () => {
  const turn = after(newTurn("t", { ...ASK, system: "Be brief." }), FIRST, piece("Hi"));
  const roles = (stored: Message[]) => visiblePath(withTurn(stored, turn), {}).map((message) => message.role);
  expect(roles([])).toEqual(["system", "user", "assistant"]);
  const [system, prompt] = withTurn([], turn);
  expect(roles([{ ...system!, id: "msg_0" }, { ...prompt!, parent_id: "msg_0" }])).toEqual(["system", "user", "assistant"]);
});

test("a continued answer begins with what was there, until it fails before it began", () => {
  const turn = newTurn("t", { ...ASK, conversationId: "conv_1", parentId: "msg_1", text: null, continues: { id: "msg_2", text: "Once " } });
  const shown = (each: Turn) => withTurn([], each).map((message) => message.content);
  expect(shown(after(turn, FIRST, piece("upon")))).toEqual(["Once upon"]);
  expect(shown({ ...turn, state: "failed" })).toEqual([]);
});

test("a watched turn goes on from where it was", () => {
  const begun = { id: "chatcmpl-1", prompt_message_id: "msg_1", policy_id: "policy-0002", message_ids: ["msg_2"] };
  const more = (text: string, ended = false) => ({ after: "", responses: [{ id: "msg_2", text, finish_reason: null }], ended });
  const turn = [more("Once "), more("upon", true)].reduce(withProgress, watchedTurn("t", "conv_1", begun));
  expect([turn.promptId, turn.answers[0]!.text]).toEqual(["msg_1", "Once upon"]);
});

test("pieces go to the answer that they belong to", () => {
  const turn = after(newTurn("t", { ...ASK, n: 2 }), piece("a"), piece("b", 1), piece("c"));
  expect(turn.answers.map((answer) => answer.text)).toEqual(["ac", "b"]);
});

test("an error in mid-stream keeps what had arrived", () => {
  const turn = after(newTurn("t", ASK), FIRST, piece("Hi"), { error: { message: "It broke.", type: "server_error" } });
  expect([turn.state, turn.error, turn.answers[0]!.text]).toEqual(["failed", "It broke.", "Hi"]);
});

test("a moderation notice stays with its answer", () => {
  const verdict = { action: "warn" as const, categories: ["violence"], message: "Careful." };
  const turn = after(newTurn("t", ASK), { tutelage: { moderation: { prompt: null, responses: [verdict] } } }, piece("x"));
  expect(turn.answers[0]!.verdict).toEqual(verdict);
});

test("a turn shows before anything is stored", () => {
  const path = visiblePath(withTurn([], newTurn("t", ASK)), {});
  expect(path.map((message) => [message.role, message.content])).toEqual([["user", "Hello?"], ["assistant", ""]]);
});

test("stored messages replace those of a turn that ended", () => {
  const turn = { ...after(newTurn("t", ASK), FIRST, piece("Hi")), state: "done" as const };
  const shown = withTurn([], turn);
  const stored = shown.map((message) => ({ ...message, content: `${message.content} (stored)` }));
  expect(withTurn(stored, turn)).toEqual(stored);
});

test("while it streams, the turn is ahead of what is stored", () => {
  const turn = after(newTurn("t", ASK), FIRST, piece("Hi"));
  const stored = withTurn([], after(newTurn("t", ASK), FIRST));
  expect(withTurn(stored, turn).find((message) => message.id === "msg_2")?.content).toBe("Hi");
  expect(withTurn(stored, turn)).toHaveLength(2);
});

test("asking again adds an answer below the same prompt", () => {
  const done = { ...after(newTurn("t", ASK), FIRST, piece("Hi")), state: "done" as const };
  const stored = withTurn([], done);
  const again = newTurn("t2", { conversationId: "conv_1", parentId: "msg_1", text: null, n: 1, training: null });
  const path = visiblePath(withTurn(stored, again), {});
  expect(path.map((message) => message.id)).toEqual(["msg_1", "pending-t2-0"]);
});

test("a turn that failed before its first word shows no empty answer", () => {
  const failed = { ...after(newTurn("t", ASK), FIRST), state: "failed" as const, error: "No." };
  expect(withTurn([], failed).map((message) => message.role)).toEqual(["user"]);
});

test("a prompt that was not stored is in the message box again, not among the messages", () => {
  const failed = { ...newTurn("t", ASK), state: "failed" as const, error: "No." };
  expect(withTurn([], failed)).toEqual([]);
});

test("a prompt follows the answer before one that was lost", () => {
  const lost = { ...after(newTurn("t", { ...ASK, parentId: "msg_0" }), FIRST, piece("Hi")), state: "failed" as const };
  expect(storedParent("msg_2", new Set(["msg_0", "msg_1", "msg_2"]), [lost])).toBe("msg_2");
  expect(storedParent("msg_2", new Set(["msg_0"]), [lost])).toBe("msg_0");
  expect(storedParent(null, new Set(), [lost])).toBeNull();
});

test("a stopped turn is stored once the answer that was seen is", () => {
  const stopped = { ...after(newTurn("t", ASK), FIRST, piece("Hi")), state: "stopped" as const };
  expect(isStored(stopped, new Set(["msg_1"]))).toBe(false);
  expect(isStored(stopped, new Set(["msg_1", "msg_2"]))).toBe(true);
  expect(isStored({ ...newTurn("t", ASK), state: "stopped" }, new Set())).toBe(true);
});

test("the next prompt follows the last answer", () => {
  const done = { ...after(newTurn("t", ASK), FIRST, piece("Hi")), state: "done" as const };
  expect(continuation(visiblePath(withTurn([], done), {}))).toBe("msg_2");
  expect(continuation([])).toBeNull();
});

test("the next prompt takes the place of one that got no answer", () => {
  const done = { ...after(newTurn("t", ASK), FIRST, piece("Hi")), state: "done" as const };
  const failed = { ...newTurn("t2", { ...ASK, conversationId: "conv_1", parentId: "msg_2" }), state: "failed" as const };
  expect(continuation(visiblePath(withTurn(withTurn([], done), failed), {}))).toBe("msg_2");
});
