import { expect, test } from "vitest";
import { flatNumbers, numericNames, PPO_CURVES, presentLines, xName } from "./metrics";

const ROWS = [
  { update: 0, "objective/kl": 0, "objective/scores": -0.5, note: "begun" },
  { update: 1, "objective/kl": 1.5, "objective/scores": 0.1, "objective/entropy": 2.1 },
];

test("rows are counted by the update where all have one", () => {
  expect(xName(ROWS)).toBe("update");
  expect(xName([...ROWS, { "objective/kl": 2 }])).toBeNull();
  expect(xName([])).toBeNull();
});

test("only numbers can be drawn", () => {
  expect(numericNames(ROWS)).toEqual(["objective/kl", "objective/scores", "objective/entropy"]);
});

test("lines that no row has are left out", () => {
  expect(presentLines(PPO_CURVES[0]!, ROWS)).toEqual([["objective/scores", "Training reward model"]]);
});

test("nested metrics become one list", () => {
  expect(flatNumbers({ gain: { mean: 0.4, interval: [0, 1] }, name: "x", kl: 3 })).toEqual([["gain.mean", 0.4], ["kl", 3]]);
});
