/** Evaluation results: the current policy and the candidate on the same prompts. */
import { figure } from "../../../format";
import { t } from "../../../i18n";
import { isNumber } from "../iterations/metrics";

/** A mean with its 95% bootstrap interval. */
export interface ConfidenceInterval {
  mean: number;
  low: number;
  high: number;
}

export interface Comparison {
  current: Record<string, number>;
  candidate: Record<string, number>;
  gain: ConfidenceInterval;
  win_rate: ConfidenceInterval;
  kl: number;
}

type Nested = Record<string, unknown>;

/** The comparison among an iteration's metrics or in a policy's manifest; null if none was made. */
export function comparisonOf(metrics: Nested): Comparison | null {
  const { gain, win_rate: wins, current, candidate, kl } = metrics;
  const whole = isInterval(gain) && isInterval(wins) && isNumbers(current) && isNumbers(candidate) && isNumber(kl);
  return whole ? { current, candidate, gain, win_rate: wins, kl } : null;
}

function isInterval(value: unknown): value is ConfidenceInterval {
  return isNumbers(value) && ["mean", "low", "high"].every((name) => isNumber(value[name]));
}

function isNumbers(value: unknown): value is Record<string, number> {
  return typeof value === "object" && value !== null;
}

/** The selected PPO update, once PPO has ended. */
export function keptUpdate(metrics: Nested): number | null {
  const kept = (metrics.ppo as Nested | undefined)?.kept_update;
  return isNumber(kept) ? kept : null;
}

/** How long a stage took, in seconds, once it has ended. */
export function stageSeconds(metrics: Nested, stage: string): number | null {
  const seconds = (metrics.stages as Record<string, Nested> | undefined)?.[stage]?.seconds;
  return isNumber(seconds) ? seconds : null;
}

const percent = (share: number): string => `${Math.round(share * 100)}%`;

export function signed(value: number): string {
  return `${value > 0 ? "+" : ""}${figure(value)}`;
}

/** "+0.73 (0.51 to 0.94)" */
export function gainText({ mean, low, high }: ConfidenceInterval): string {
  return `${signed(mean)} ${t("({{low}} to {{high}})", { low, high })}`;
}

/** "71% (62 to 79)" */
export function shareText({ mean, low, high }: ConfidenceInterval): string {
  return `${percent(mean)} ${t("({{low}} to {{high}})", { low: Math.round(low * 100), high: Math.round(high * 100) })}`;
}

interface EvaluationMetric {
  name: string;
  label: string;
  text: (value: number) => string;
}

/** The metrics of a policy's answers, with label and format. */
export const EVALUATION_METRICS: EvaluationMetric[] = [
  { name: "score", label: t("Held-out score"), text: figure },
  { name: "words", label: t("Words per response"), text: figure },
  { name: "finished", label: t("Finished (EOS)"), text: percent },
  { name: "repetition", label: t("Repetition"), text: percent },
  { name: "distinct_2", label: t("Distinct bigrams"), text: percent },
  { name: "empty", label: t("Empty answers"), text: percent },
  { name: "flagged", label: t("Flagged by moderation"), text: percent },
];

/** One check of the gate. */
export interface GateCheck {
  name: string;
  value: ConfidenceInterval;
  limit: number;
  verdict: "promote" | "ask" | "refuse";
  reason: string;
}

const SEVERITY = ["refuse", "ask", "promote"];

/** The checks of the gate, failed ones first. */
export function checksOf(metrics: Nested): GateCheck[] {
  const rows = (Array.isArray(metrics.checks) ? metrics.checks : []) as GateCheck[];
  const whole = rows.filter((row) => isInterval(row.value) && isNumber(row.limit) && SEVERITY.includes(row.verdict));
  return whole.sort((a, b) => SEVERITY.indexOf(a.verdict) - SEVERITY.indexOf(b.verdict));
}

/** "0.73 (0.51 to 0.94)" */
export function intervalText({ mean, low, high }: ConfidenceInterval): string {
  return low === high ? figure(mean) : `${figure(mean)} ${t("({{low}} to {{high}})", { low, high })}`;
}
