/** Feedback rates of each policy with intervals, linked to the entries. */
import { Link } from "react-router";
import { usePolicyFeedback, type PolicyFeedback, type Share } from "../../../api/traffic";
import { Card } from "../../../components/Card";
import { QueryResult } from "../../../components/feedback/QueryResult";
import { Cell, Table } from "../../../components/Table";
import { Trans, t } from "../../../i18n";

export function FeedbackByPolicy() {
  return (
    <section className="mt-6">
      <h2 className="text-lg font-semibold tracking-tight">{t("By policy")}</h2>
      <p className="mt-0.5 mb-3 text-sm text-muted">
        <Trans i18nKey="Last 30 days, with 95% confidence intervals by user. These numbers are observational: users are randomised to policies only in <a>experiments</a>." components={{ a: <Link to="/operator/trials" className="text-accent-ink underline underline-offset-4" /> }} />
      </p>
      <QueryResult query={usePolicyFeedback()}>
        {({ policies }) =>
          policies.length === 0 ? (
            <Card>
              <p className="text-sm text-muted">{t("No policy has served users yet.")}</p>
            </Card>
          ) : (
            <Table columns={[t("Policy"), t("Thumbs-up rate"), t("Regeneration rate"), t("Flagged"), t("Error rate"), t("Feedback")]}>
              {policies.map((opinion) => (
                <Row key={opinion.policy_id} opinion={opinion} />
              ))}
            </Table>
          )
        }
      </QueryResult>
    </section>
  );
}

const MONTH_HOURS = 720;

function Row({ opinion }: { opinion: PolicyFeedback }) {
  const { policy_id: id } = opinion;
  const answers = (kind: string) => `/operator/traffic/answers?hours=${MONTH_HOURS}&policy=${id}&kind=${kind}`;
  return (
    <tr>
      <Cell>
        <Link to={`/operator/policies/${id}`} className="font-medium whitespace-nowrap underline-offset-4 hover:underline">
          {id}
        </Link>
      </Cell>
      <Cell>
        <RateCell share={opinion.liked} to={`/operator/feedback/judgements?policy=${id}&kind=thumbs&hours=${MONTH_HOURS}`} good />
      </Cell>
      <Cell>
        <RateCell share={opinion.regenerated} to={answers("regenerated")} />
      </Cell>
      <Cell>
        <RateCell share={opinion.flagged} to={answers("flagged")} />
      </Cell>
      <Cell>
        <RateCell share={opinion.failed} to={answers("failed")} />
      </Cell>
      <Cell>
        <Link to={`/operator/feedback/judgements?policy=${id}`} className="whitespace-nowrap text-accent-ink underline underline-offset-4">
          {t("View all")}
        </Link>
      </Cell>
    </tr>
  );
}

function RateCell({ share, to, good }: { share: Share; to: string; good?: boolean }) {
  const { mean, low, high, count, people } = share;
  if (mean === null || low === null || high === null) return <span className="text-muted">–</span>;
  return (
    <div className="min-w-28">
      <Link to={to} className="font-medium tabular-nums underline decoration-line-strong underline-offset-4 hover:decoration-accent">
        {percent(mean)}
      </Link>{" "}
      <span className="text-[13px] whitespace-nowrap text-muted tabular-nums">
        {percent(low)}–{percent(high)}
      </span>
      <div aria-hidden dir="ltr" className="relative mt-1.5 h-1.5 rounded-full bg-panel">
        <div
          className={`absolute inset-y-0 rounded-full ${good ? "bg-accent" : "bg-faint"}`}
          style={{ left: `${low * 100}%`, width: `${Math.max(2, (high - low) * 100)}%` }}
        />
      </div>
      <p className="mt-1 text-xs whitespace-nowrap text-muted">
        {t("n = {{answers}} ({{users}})", { answers: count, users: t("{{count}} users", { count: people }) })}
      </p>
    </div>
  );
}

const percent = (share: number) => `${Math.round(100 * share)}%`;
