/** Unsaved changes of rules, and the measured effect of a threshold. */
import type { Effect, ModerationRules, Rule, Side } from "../../../api/types";

export const STEPS = 100; // thresholds are 0, 0.01 … 1

export function withRule(rules: ModerationRules, side: Side, category: string, change: Partial<Rule>): ModerationRules {
  const before = rules[side]!.rules;
  return { ...rules, [side]: { rules: { ...before, [category]: { ...before[category]!, ...change } } } };
}

/** The number of rules that differ. */
export function changes(before: ModerationRules, after: ModerationRules): number {
  const sides: Side[] = ["prompt", "response"];
  return sides
    .flatMap((side) => Object.keys(after[side]!.rules).map((category) => [before[side]!.rules[category], after[side]!.rules[category]]))
    .filter(([one, other]) => one!.action !== other!.action || one!.threshold !== other!.threshold).length;
}

export interface Point {
  threshold: number;
  caught: number;
  right: number;
  alarms: number;
}

/** The measured curve, as shares; empty where nothing was measured. */
export function points(effect: Effect): Point[] {
  return effect.recall.map((caught, step) => ({
    threshold: step / STEPS,
    caught,
    right: effect.precision[step]!,
    alarms: effect.false_alarms[step]!,
  }));
}

/** The first threshold of the curve at which everything counted scores at least `threshold`. */
export function stepOf(threshold: number): number {
  return Math.min(STEPS, Math.max(0, Math.ceil(threshold * STEPS - 1e-6)));
}

/** A share in percent, with one decimal below 10%. */
export function percent(share: number): string {
  const value = 100 * share;
  return `${value === 0 || value >= 10 ? Math.round(value) : value.toFixed(1)}%`;
}
