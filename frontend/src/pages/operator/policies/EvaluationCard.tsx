/** The policy in use and the candidate, measured on the same held-out prompts. */
import { t } from "../../../i18n";
import type { Comparison } from "./evaluation";
import { gainText, EVALUATION_METRICS, shareText } from "./evaluation";
import { isNumber } from "../iterations/metrics";
import { Card } from "../../../components/Card";

export function EvaluationCard({ comparison }: { comparison: Comparison }) {
  const { current, candidate, gain, win_rate: wins, kl } = comparison;
  return (
    <Card title={t("Evaluation on held-out prompts")}>
      <dl className="mb-5 grid gap-4 sm:grid-cols-3">
        <Headline label={t("Held-out score gain")} value={gainText(gain)} />
        <Headline label={t("Win rate")} value={shareText(wins)} />
        <Headline label={t("KL from the reference policy")} value={t("{{kl}} nats", { kl })} />
      </dl>
      <table className="w-full text-start text-sm">
        <thead>
          <tr className="border-b border-line text-xs text-muted">
            <th scope="col" className="py-2 font-medium">
              {t("Metric")}
            </th>
            <th scope="col" className="py-2 text-end font-medium">
              {t("Current policy at that time")}
            </th>
            <th scope="col" className="py-2 text-end font-medium">
              {t("Candidate")}
            </th>
          </tr>
        </thead>
        <tbody className="divide-y divide-line">
          {EVALUATION_METRICS.filter(({ name }) => isNumber(candidate[name])).map(({ name, label, text }) => (
            <tr key={name}>
              <th scope="row" className="py-2 font-normal text-muted">
                {label}
              </th>
              <td className="py-2 text-end tabular-nums">{isNumber(current[name]) ? text(current[name]) : "–"}</td>
              <td className="py-2 text-end font-medium tabular-nums">{text(candidate[name]!)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Card>
  );
}

function Headline({ label, value }: { label: string; value: string }) {
  return (
    <div>
      <dt className="text-[13px] text-muted">{label}</dt>
      <dd className="mt-0.5 text-lg font-semibold tracking-tight">{value}</dd>
    </div>
  );
}
