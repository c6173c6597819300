import { expect, test } from "vitest";
import { checksOf, comparisonOf, gainText, keptUpdate, shareText, stageSeconds } from "./evaluation";

const GAIN = { mean: 0.73, low: 0.51, high: 0.94 };
const METRICS = {
  current: { score: -0.4 }, candidate: { score: 0.33 }, gain: GAIN, win_rate: { mean: 0.714, low: 0.62, high: 0.79 },
  kl: 6.8, ppo: { kept_update: 9 }, stages: { sft: { seconds: 31.4 } },
};

test("the comparison is found among the metrics", () => {
  expect(comparisonOf(METRICS)?.candidate.score).toBe(0.33);
});

test("without an evaluation there is no comparison", () => {
  expect([{}, { gain: GAIN }, { ...METRICS, kl: null }].map(comparisonOf)).toEqual([null, null, null]);
});

test("intervals as text", () => {
  expect(gainText(GAIN)).toBe("+0.73 (0.51 to 0.94)");
  expect(shareText(METRICS.win_rate)).toBe("71% (62 to 79)");
});

test("what the stages say of themselves", () => {
  expect([keptUpdate(METRICS), keptUpdate({}), stageSeconds(METRICS, "sft"), stageSeconds(METRICS, "ppo")]).toEqual([9, null, 31.4, null]);
});

test("failed checks of the gate come first, and rows of another shape are left out", () => {
  const check = (name: string, verdict: string) => ({ name, verdict, value: { mean: 1, low: 0, high: 2 }, limit: 0, reason: "" });
  const found = checksOf({ checks: [check("a", "promote"), check("b", "refuse"), check("c", "ask"), { name: "d" }] });
  expect(found.map(({ name }) => name)).toEqual(["b", "c", "a"]);
  expect(checksOf({})).toEqual([]);
});
