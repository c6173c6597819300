/** The stages of an iteration in order, and their progress. */
import type { Iteration, Progress } from "../../../api/types";
import { ago, words } from "../../../format";
import { t } from "../../../i18n";
import { comparisonOf } from "../policies/evaluation";

export const STAGES = [
  { name: "snapshot", label: t("Snapshot"), text: t("Freeze the training data") },
  { name: "sft", label: t("Fine-tuning"), text: t("Train on demonstrations and better answers") },
  { name: "reward_model", label: t("Reward model"), text: t("Learn user preferences") },
  { name: "ppo", label: "PPO", text: t("Optimise against the reward model") },
  { name: "evaluation", label: t("Evaluation"), text: t("Evaluate the candidate on held-out prompts") },
  { name: "gate", label: t("Gate"), text: t("Accept or reject") },
] as const;

export function stageLabel(name: string): string {
  return STAGES.find((stage) => stage.name === name)?.label ?? words(name);
}

export type StageState = "done" | "running" | "waiting" | "left";

/** The completed share of the stage, 0 to 1. */
export function shareOf({ done, total, part = 1, parts = 1 }: Progress): number {
  return done !== undefined && total ? (part - 1 + done / total) / parts : 0;
}

/** "model 1 of 2, step 9 of 18", or that the stage is only beginning. */
export function stepOf({ done = 0, total, part = 1, parts = 1 }: Progress): string {
  const model = parts > 1 ? [t("model {{part}} of {{parts}}", { part, parts })] : [];
  return total ? [...model, t("step {{done}} of {{total}}", { done, total })].join(", ") : t("starting");
}

/** How long nothing was heard of the worker's next step, once that is worth saying. */
export function silenceOf({ updated_at: updated }: Progress, now = Date.now() / 1000): string | null {
  return updated !== undefined && now - updated >= 60 ? t("last update {{updated}}", { updated: ago(updated, now) }) : null;
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
