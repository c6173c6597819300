import { expect, test } from "vitest";
import { introduction } from "./TrialForecast";

test("says when too few users compare answers to decide anything", () => {
  const text = introduction({ people: 3, comparisons: 1, days: 14, by_lead: [] });
  expect(text).toContain("3 users compared answers");
  expect(text).toContain("expect this experiment to end undecided");
});

test("says what a forecast rests on", () => {
  const row = { lead: 0.05, promoted: 0.6, rolled_back: 0, days: 11 };
  expect(introduction({ people: 60, comparisons: 1, days: 14, by_lead: [row] })).toContain("60 users compared answers");
});
