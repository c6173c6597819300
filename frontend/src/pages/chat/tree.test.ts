import { expect, test } from "vitest";
import type { Message } from "../../api/types";
import { alternativesOf, childrenOf, versionsOf, visiblePath } from "./tree";

function message(id: string, parent: string | null, at: number, more: Partial<Message> = {}): Message {
  return {
    id, parent_id: parent, role: parent && id.startsWith("a") ? "assistant" : "user", content: id, completion_id: null,
    choice: null, policy_id: null, finish_reason: null, created_at: at, moderation: null, feedback: [], ...more,
  };
}

const ids = (messages: Message[]) => messages.map((each) => each.id);

// u1 ─ a1 ─ u2 ─ a2
//    ├ a1b            (regenerated)
// u1x ─ a1x           (u1 edited)
const TREE = [
  message("u1", null, 1), message("a1", "u1", 2), message("u2", "a1", 3), message("a1b", "u1", 4),
  message("u1x", null, 5), message("a1x", "u1x", 6), message("a2", "u2", 7),
];

test("an empty conversation has an empty path", () => {
  expect(visiblePath([], {})).toEqual([]);
});

test("without a choice the branch that was added to last is in view", () => {
  expect(ids(visiblePath(TREE, {}))).toEqual(["u1", "a1", "u2", "a2"]);
});

test("a choice at the root switches to an edited prompt", () => {
  expect(ids(visiblePath(TREE, { root: "u1x" }))).toEqual(["u1x", "a1x"]);
});

test("a choice below a message switches its answer", () => {
  expect(ids(visiblePath(TREE, { u1: "a1b" }))).toEqual(["u1", "a1b"]);
});

test("a choice of a message that is gone is ignored", () => {
  expect(ids(visiblePath(TREE, { u1: "erased" }))).toEqual(["u1", "a1", "u2", "a2"]);
});

test("versions are the messages at one place, oldest first", () => {
  const children = childrenOf(TREE);
  expect(ids(versionsOf(children.get("u1")!, TREE[3]!))).toEqual(["a1", "a1b"]);
  expect(ids(versionsOf(children.get("root")!, TREE[0]!))).toEqual(["u1", "u1x"]);
});

test("the order is that of the service, whatever its clock said", () => {
  const back = TREE.map((each, place) => ({ ...each, created_at: 100 - place }));
  expect(ids(visiblePath(back, {}))).toEqual(["u1", "a1", "u2", "a2"]);
  expect(ids(versionsOf(childrenOf(back).get("u1")!, back[3]!))).toEqual(["a1", "a1b"]);
});

test("a conversation of a thousand messages has a path", () => {
  const long = Array.from({ length: 1000 }, (_, n) => message(`a${n}`, n ? `a${n - 1}` : null, n));
  expect(visiblePath(long, {})).toHaveLength(1000);
});

test("alternatives are the choices of one completion, in order", () => {
  const choices = [2, 0, 1].map((choice) => message(`a${choice}`, "u1", 9, { completion_id: "chatcmpl-1", choice }));
  expect(ids(alternativesOf([...TREE, ...choices], choices[0]!))).toEqual(["a0", "a1", "a2"]);
});
