import { expect, test } from "vitest";
import type { Iteration } from "../../../api/types";
import { shareOf, silenceOf, STAGES, stageState, stepOf } from "./stages";

const BASE: Iteration = {
  id: "iteration-0001", state: "running", preset: "quick", team_id: null, parent_policy_id: "policy-0000", baseline_policy_id: "policy-0000", policy_id: null,
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

test("the second of two models is past the middle", () => {
  expect(shareOf({ stage: "reward_model", done: 9, total: 18, part: 2, parts: 2 })).toBe(0.75);
});

test("the step says which model it belongs to", () => {
  expect(stepOf({ stage: "reward_model", done: 9, total: 18, part: 1, parts: 2 })).toBe("model 1 of 2, step 9 of 18");
  expect(stepOf({ stage: "ppo", done: 2, total: 9 })).toBe("step 2 of 9");
  expect(stepOf({ stage: "ppo", done: 0, total: 0 })).toBe("starting");
});

test("a worker that makes no step for a minute is said to", () => {
  expect(silenceOf({ stage: "ppo", updated_at: 1000 }, 1059)).toBeNull();
  expect(silenceOf({ stage: "ppo", updated_at: 1000 }, 1540)).toBe("last update 9 minutes ago");
});
