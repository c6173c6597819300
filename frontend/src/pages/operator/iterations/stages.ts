/** The stages of an iteration in order, and their progress. */
import type { Iteration, Progress } from "../../../api/types";
import { words } from "../../../format";
import { comparisonOf } from "../policies/evaluation";

export const STAGES = [
  { name: "snapshot", label: "Snapshot", text: "Freeze the training data" },
  { name: "sft", label: "Fine-tuning", text: "Train on demonstrations and better answers" },
  { name: "reward_model", label: "Reward model", text: "Learn user preferences" },
  { name: "ppo", label: "PPO", text: "Optimise against the reward model" },
  { name: "evaluation", label: "Evaluation", text: "Evaluate the candidate on held-out prompts" },
  { name: "gate", label: "Gate", text: "Accept or reject" },
] as const;

export function stageLabel(name: string): string {
  return STAGES.find((stage) => stage.name === name)?.label ?? words(name);
}

export type StageState = "done" | "running" | "waiting" | "left";

/** The completed share of the stage, 0 to 1. */
export function shareOf({ done, total }: Progress): number {
  return done !== undefined && total ? done / total : 0;
}

/** The state of a stage, given the stage that the worker reported last. */
export function stageState(iteration: Iteration, index: number): StageState {
  if (comparisonOf(iteration.metrics)) return "done"; // it was evaluated, and decided upon
  const { stage } = iteration.progress as Progress;
  const reached = STAGES.findIndex(({ name }) => name === stage);
  if (index < reached) return "done";
  if (iteration.state === "running") return index === Math.max(reached, 0) ? "running" : "waiting";
  return iteration.state === "queued" ? "waiting" : "left";
}
