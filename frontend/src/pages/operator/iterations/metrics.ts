/** The curves of each stage, and the numbers in its metric rows. */
import type { MetricRow } from "../../../api/types";
import { t } from "../../../i18n";

export interface Curve {
  title: string;
  hint: string;
  /** Metric names with their labels; metrics that no row has are left out. */
  lines: Record<string, string>;
}

export const PPO_CURVES: Curve[] = [
  {
    title: t("Score"),
    hint: t("Mean score of the training reward model and of the held-out reward model. If the curves diverge, the policy is exploiting the reward model."),
    lines: { "objective/scores": t("Training reward model"), "heldout/score": t("Held-out reward model") },
  },
  {
    title: t("KL from the reference policy"),
    hint: t("Mean KL divergence per response, in nats."),
    lines: { "objective/kl": "KL" },
  },
  {
    title: t("Response length"),
    hint: t("Mean tokens per response."),
    lines: { "response/length": t("Tokens") },
  },
  {
    title: t("Entropy"),
    hint: t("Average entropy per token, in nats. A drop towards zero means the policy has collapsed to one answer."),
    lines: { "objective/entropy": t("Entropy") },
  },
];

export const SFT_CURVES: Curve[] = [
  {
    title: t("Loss"),
    hint: t("On the training dialogues and on the validation split used for early stopping."),
    lines: { "loss/train": t("Training"), "loss/validation": t("Validation") },
  },
];

const X_NAMES = ["update", "step", "epoch"];

export const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);

/** The metric on the x axis; null: the order of the rows. */
export function xName(rows: readonly MetricRow[]): string | null {
  return X_NAMES.find((name) => rows.length > 0 && rows.every((row) => isNumber(row[name]))) ?? null;
}

/** The numeric metrics of the rows. */
export function numericNames(rows: readonly MetricRow[]): string[] {
  const names = new Set(rows.flatMap((row) => Object.keys(row).filter((name) => isNumber(row[name]))));
  return [...names].filter((name) => !X_NAMES.includes(name));
}

/** The lines of a curve that the rows have. */
export function presentLines(curve: Curve, rows: readonly MetricRow[]): [string, string][] {
  const names = new Set(numericNames(rows));
  return Object.entries(curve.lines).filter(([name]) => names.has(name));
}

/** Nested numbers as one flat list, "evaluation.gain.low" and so on. */
export function flatNumbers(value: unknown, path = ""): [string, number][] {
  if (isNumber(value)) return [[path, value]];
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
  return Object.entries(value).flatMap(([name, inner]) => flatNumbers(inner, path ? `${path}.${name}` : name));
}
