import { expect, test } from "vitest";
import type { Iteration } from "../../../api/types";
import { shareOf, STAGES, stageState } from "./stages";

const BASE: Iteration = {
  id: "iteration-0001", state: "running", preset: "quick", parent_policy_id: "policy-0000", policy_id: null,
  progress: { stage: "reward_model", done: 3, total: 12 }, metrics: {}, decision: null, reasons: [], config_sha256: null,
  snapshot_sha256: null, requested_by: null,
  created_at: 0, started_at: 0, finished_at: null,
};

const states = (change: Partial<Iteration>) => STAGES.map((_, index) => stageState({ ...BASE, ...change }, index));

test("stages before the reported one are done, those after it wait", () => {
  expect(states({})).toEqual(["done", "done", "running", "waiting", "waiting", "waiting"]);
});

test("an iteration that has just begun is at its first stage", () => {
  expect(states({ progress: {} })[0]).toBe("running");
});

test("a failed iteration left its remaining stages", () => {
  expect(states({ state: "failed" })).toEqual(["done", "done", "left", "left", "left", "left"]);
});

test("once the candidate was measured all stages are done", () => {
  const interval = { mean: 0, low: 0, high: 0 };
  const metrics = { current: {}, candidate: {}, gain: interval, win_rate: interval, kl: 1 };
  expect(new Set(states({ state: "refused", metrics }))).toEqual(new Set(["done"]));
});

test("with too little feedback no stage was reached", () => {
  expect(new Set(states({ state: "refused", progress: {} }))).toEqual(new Set(["left"]));
});

test("the share of a stage", () => {
  expect(shareOf({ stage: "ppo", done: 3, total: 12 })).toBe(0.25);
  expect(shareOf({})).toBe(0);
});
