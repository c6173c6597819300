import { announcement } from "./announcement";
import { expect, test } from "vitest";
import { bestOf, emptySlots, isComplete, place, remove, shuffled, slotOf, rankingOf } from "./ranking";

const TIED = place(place(place(emptySlots(3), 2, 0), 0, 2), 1, 2);

test("an answer is in one slot only", () => {
  const moved = place(place(emptySlots(3), 1, 0), 1, 2);
  expect(moved).toEqual([[], [], [1]]);
  expect(slotOf(moved, 1)).toBe(2);
});

test("an answer can be put before another of the same slot", () => {
  expect(place(TIED, 2, 2, 0)).toEqual([[], [], [2, 0, 1]]);
});

test("an answer can be taken out again", () => {
  expect(slotOf(remove(TIED, 2), 2)).toBeNull();
});

test("a ranking is complete when every answer has a place", () => {
  expect(isComplete(emptySlots(2))).toBe(false);
  expect(isComplete(place(emptySlots(2), 0, 0))).toBe(false);
  expect(isComplete(TIED)).toBe(true);
});

test("what is sent has ties as groups and no empty places", () => {
  expect(rankingOf(TIED)).toEqual([[2], [0, 1]]);
});

test("all in one slot is one tie", () => {
  expect(rankingOf(place(place(emptySlots(2), 1, 1), 0, 1))).toEqual([[0, 1]]);
});

test("the best of a tie is the one shown first", () => {
  const tie = place(place(emptySlots(3), 0, 0), 1, 0);
  expect(bestOf(tie, [2, 1, 0])).toBe(1);
  expect(bestOf(emptySlots(3), [2, 1, 0])).toBeNull();
});

test("shuffling keeps every answer and reaches every order", () => {
  const seen = new Set(Array.from({ length: 500 }, () => shuffled(3).join("")));
  expect(seen.size).toBe(6);
  expect([...shuffled(4, () => 0.999)].sort()).toEqual([0, 1, 2, 3]);
});

test("a change of rank is announced, with its ties", () => {
  const letter = (choice: number) => "ABC"[choice]!;
  expect(announcement([[0], [], []], 0, letter)).toBe("Answer A: rank 1 of 3. 1 of 3 ranked.");
  expect(announcement([[0], [2, 1], []], 2, letter)).toBe("Answer C: rank 2 of 3, tied with B. 3 of 3 ranked.");
  expect(announcement([[0], [], []], 1, letter)).toBe("Answer B: no rank. 1 of 3 ranked.");
});
