/** A list of metrics with their values. */
import { figure, words } from "../../../format";
import { t } from "../../../i18n";

const LABELS: Record<string, string> = {
  "by_ranking.mean": t("Accuracy per ranking"),
  "by_ranking.low": t("Accuracy per ranking, 95% CI low"),
  "by_ranking.high": t("Accuracy per ranking, 95% CI high"),
  "by_ranking.level": t("Confidence level of the interval"),
  by_ranking: t("Accuracy per ranking"),
  accuracy: t("Pairwise accuracy"),
  comparisons: t("Pairs"),
  ece: t("ECE (calibration error)"),
  length_matched: t("Pairs of similar length"),
  length_matched_accuracy: t("Accuracy at similar length"),
  logit_scale: t("Logit scale (inverse temperature)"),
  longer_wins: t("P(longer answer wins)"),
  shorter_wins: t("P(shorter answer wins)"),
  penalty: t("L2 penalty"),
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
