/** The user's feedback by iteration, and how far others who ranked the same agree. */
import { Link } from "react-router";
import { useTaught, type TaughtIteration } from "../../../api/account";
import { Badge } from "../../../components/Badge";
import { ErrorMessage } from "../../../components/feedback/ErrorMessage";
import { SignalTable } from "../../../components/SignalTable";
import { Cell, CountLink, Table } from "../../../components/Table";
import { figure } from "../../../format";
import { Trans, t } from "../../../i18n";
import { BRIEFLY, OUTCOMES } from "./reasons";

export function Iterations({ chosen }: { chosen: string | null }) {
  const { data, error } = useTaught();
  if (error) return <ErrorMessage error={error} className="mb-5" />;
  if (!data) return null;
  const { iterations, agreement, signals } = data;
  return (
    <div className="mb-6 space-y-3">
      {agreement && (
        <p className="text-sm text-muted">
          {t("Others ranked {{pairs}} of answers that you ranked, and agree with you on {{share}} %.", { pairs: t("{{count}} pairs", { count: agreement.pairs }), share: Math.round((100 * agreement.same) / agreement.pairs) })}
        </p>
      )}
      {iterations.length > 0 && (
        <Table columns={[t("Iteration"), t("Policy"), t("Trained on"), t("Measured with"), t("Not used")]}>
          {iterations.map((each) => (
            <Row key={each.iteration_id} iteration={each} />
          ))}
        </Table>
      )}
      {signals.length > 0 && (
        <section>
          <h2 className="mt-5 text-sm font-medium">{t("What you did with answers")}</h2>
          <p className="mt-0.5 mb-2 text-[13px] text-muted">
            {t("Of two answers that you rated differently, how often what you did says the same as your rating. Chance says half. These are no opinions: they teach only where they agree with people's ratings.")}
          </p>
          <SignalTable signals={signals} />
        </section>
      )}
      {chosen && (
        <p className="text-sm">
          <Trans i18nKey="Your feedback from before {{chosen}}. <a>Show all</a>" values={{ chosen }} components={{ a: <Link to="?" className="font-medium text-accent-ink underline underline-offset-4" /> }} />
        </p>
      )}
    </div>
  );
}

function Row({ iteration: { iteration_id, policy_id, state, taught, measured, left_out } }: { iteration: TaughtIteration }) {
  const reasons = Object.entries(left_out) as [keyof typeof BRIEFLY, number][];
  return (
    <tr>
      <Cell className="whitespace-nowrap">
        <CountLink to={`?iteration=${iteration_id}`}>{iteration_id}</CountLink>
      </Cell>
      <Cell>
        <Badge tone={state === "current" ? "good" : "plain"}>
          {policy_id ?? OUTCOMES[state ?? ""] ?? t("no policy")}
          {state === "current" && ` (${t("current")})`}
        </Badge>
      </Cell>
      <Cell className="tabular-nums">{figure(taught)}</Cell>
      <Cell className="tabular-nums">{figure(measured)}</Cell>
      <Cell>{reasons.map(([reason, count]) => `${figure(count)} ${BRIEFLY[reason]}`).join(", ") || "0"}</Cell>
    </tr>
  );
}
