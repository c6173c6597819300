/** A list of metrics with their values. */
import { figure, words } from "../../../format";

const LABELS: Record<string, string> = {
  "by_ranking.mean": "Accuracy per ranking",
  "by_ranking.low": "Accuracy per ranking, 95% CI low",
  "by_ranking.high": "Accuracy per ranking, 95% CI high",
  "by_ranking.level": "Confidence level of the interval",
  by_ranking: "Accuracy per ranking",
  accuracy: "Pairwise accuracy",
  comparisons: "Pairs",
  ece: "ECE (calibration error)",
  length_matched: "Pairs of similar length",
  length_matched_accuracy: "Accuracy at similar length",
  logit_scale: "Logit scale (inverse temperature)",
  longer_wins: "P(longer answer wins)",
  shorter_wins: "P(shorter answer wins)",
  penalty: "L2 penalty",
};

export function MetricList({ facts }: { facts: [string, number][] }) {
  return (
    <dl className="text-sm">
      {facts.map(([name, value]) => (
        <div key={name} className="flex items-baseline justify-between gap-4 border-b border-line py-1.5">
          <dt className="min-w-0 truncate text-muted" title={name}>
            {LABELS[name] ?? words(name)}
          </dt>
          <dd className="font-medium tabular-nums">{figure(value)}</dd>
        </div>
      ))}
    </dl>
  );
}
