import { expect, test } from "vitest";
import { visitorSecret } from "./service";
import { isWhole, lastResponse, newThread, newTurn, noteOf, take, type Chunk } from "./thread";

const chunk = (index: number, content: string, finish_reason: string | null = null): Chunk => ({
  id: "chatcmpl-1",
  choices: [{ index, delta: { content }, finish_reason }],
});

test("chunks of two choices are told apart, and the next prompt follows the better one", () => {
  const thread = newThread();
  const turn = newTurn("Hello", 2);
  thread.turns.push(turn);
  take(thread, turn, { ...chunk(0, ""), tutelage: { conversation_id: "conv_1", message_ids: ["msg_a", "msg_b"] } });
  take(thread, turn, chunk(1, "Two"));
  take(thread, turn, chunk(0, "One", "stop"));
  expect([thread.conversationId, turn.completionId]).toEqual(["conv_1", "chatcmpl-1"]);
  expect(turn.choices.map(({ text }) => text)).toEqual(["One", "Two"]);
  expect(turn.choices.map(isWhole)).toEqual([true, false]);
  expect(lastResponse(thread)).toBe("msg_a");
  turn.better = 1;
  expect(lastResponse(thread)).toBe("msg_b");
  turn.better = -1;
  expect(lastResponse(thread)).toBe("msg_a");
});

test("an error in the stream is thrown, and a withheld answer cannot be rated", () => {
  const thread = newThread();
  const turn = newTurn("Hello", 1);
  expect(() => take(thread, turn, { id: "", choices: [], error: { message: "Overloaded" } })).toThrow("Overloaded");
  take(thread, turn, chunk(0, "", "content_filter"));
  expect([isWhole(turn.choices[0]!), noteOf(turn.choices[0]!)]).toEqual([false, "This answer was withheld by the filter."]);
});

test("a visitor keeps one secret, also where nothing can be stored", () => {
  const kept = new Map<string, string>();
  const storage = { getItem: (name: string) => kept.get(name) ?? null, setItem: (name: string, value: string) => void kept.set(name, value) };
  expect(visitorSecret(storage)).toBe(visitorSecret(storage));
  expect(visitorSecret(null)).toMatch(/^[0-9a-f]{32}$/);
});
