import { expect, test } from "vitest";
import { mergeSpans } from "./HighlightedText";

test("spans come in order and those that touch are joined", () => {
  expect(mergeSpans([[5, 8], [0, 2], [7, 10], [2, 3]])).toEqual([[0, 3], [5, 10]]);
});

test("nothing is marked without spans", () => {
  expect(mergeSpans([])).toEqual([]);
});
