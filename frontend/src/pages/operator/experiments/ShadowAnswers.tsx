/** The answers of a shadow beside those that users saw. */
import { useShadowAnswers, type MetricDifference, type Experiment } from "../../../api/experiments";
import { QueryResult } from "../../../components/feedback/QueryResult";
import { t } from "../../../i18n";
import { DifferenceBar } from "./DifferenceBar";

export function ShadowAnswers({ experiment }: { experiment: Experiment }) {
  const verdict = experiment.verdict as Record<string, MetricDifference | undefined>;
  return (
    <div className="mt-4 space-y-3">
      <DifferenceBar label={t("Win rate by reward model, above 50%")} good value={verdict.scored} />
      <p className="text-[13px] text-muted">
        {t("Scored by the held-out reward model of its iteration, which was trained on other conversations than the policy. A worker scores new answers every few seconds.")}
      </p>
      <QueryResult query={useShadowAnswers(experiment.id)}>
        {({ data }) =>
          data.length === 0 ? (
            <p className="text-sm text-muted">
              {t("No shadow answers yet. Only conversations that allow training are shown here.")}
            </p>
          ) : (
            <ul className="max-h-96 space-y-4 overflow-y-auto">
              {data.map((row) => (
                <li key={row.message_id} className="text-sm">
                  <p className="font-medium">{row.prompt}</p>
                  <div className="mt-1.5 grid gap-3 sm:grid-cols-2">
                    <AnswerColumn who={t("Shown")} score={row.shown_score} text={row.shown} />
                    <AnswerColumn who={row.action === "off" ? t("Shadow") : t("Shadow, moderation: {{action}}", { action: row.action })} score={row.score} text={row.shadow} />
                  </div>
                </li>
              ))}
            </ul>
          )
        }
      </QueryResult>
    </div>
  );
}

function AnswerColumn({ who, score, text }: { who: string; score: number | null; text: string }) {
  return (
    <div className="rounded-xl bg-panel px-3 py-2">
      <p className="flex justify-between gap-2 text-xs text-muted">
        <span>{who}</span>
        {score !== null && <span className="tabular-nums">{t("score {{score}}", { score: score.toFixed(2) })}</span>}
      </p>
      <p className="mt-0.5 whitespace-pre-wrap">{text || <span className="text-faint">{t("empty")}</span>}</p>
    </div>
  );
}
