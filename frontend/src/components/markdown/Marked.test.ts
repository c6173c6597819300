import { expect, test } from "vitest";
import { merged } from "./Marked";

test("spans come in order and those that touch are joined", () => {
  expect(merged([[5, 8], [0, 2], [7, 10], [2, 3]])).toEqual([[0, 3], [5, 10]]);
});

test("nothing is marked without spans", () => {
  expect(merged([])).toEqual([]);
});
