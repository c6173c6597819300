/** All policy versions with their lineage; promoting one and rolling back. */
import { CornerDownRight, EyeOff, GitBranch, Undo2 } from "lucide-react";
import { useState } from "react";
import { Link } from "react-router";
import { operator } from "../../../api/client";
import { usePolicies, useRefresh } from "../../../api/queries";
import type { Policy } from "../../../api/types";
import { Button } from "../../../components/Button";
import { Confirm } from "../../../components/Dialog";
import { useToast } from "../../../components/feedback/Toast";
import { ago, figure } from "../../../format";
import { t } from "../../../i18n";
import { comparisonOf, signed } from "./evaluation";
import { EmptyState } from "../../../components/feedback/EmptyState";
import { PageHeading } from "../../../components/PageHeading";
import { QueryResult } from "../../../components/feedback/QueryResult";
import { StateBadge } from "../../../components/StateBadge";
import { Cell, Table } from "../../../components/Table";
import { TeamBadge } from "../users/TeamBadge";
import { PolicyGraph } from "./PolicyGraph";
import { Promote } from "./Promote";

export function PoliciesTab() {
  const policies = usePolicies();
  const current = policies.data?.data.find((policy) => policy.state === "current" && policy.team_id === null);
  const retired = policies.data?.data.filter((policy) => policy.state === "retired") ?? [];
  const earlier = retired.sort((a, b) => b.created_at - a.created_at)[0];
  return (
    <>
      <PageHeading title={t("Policies")} hint={t("All published versions, their lineage, and which one is serving.")}>
        <Link
          to="/operator/policies/compare"
          className="inline-flex h-9.5 items-center gap-2 rounded-lg border border-line-strong bg-surface px-3.5 text-sm font-medium hover:bg-panel"
        >
          <EyeOff aria-hidden className="size-4" />
          {t("Blind comparison")}
        </Link>
        <RollBack current={current} earlier={earlier} />
      </PageHeading>
      <QueryResult query={policies}>
        {({ data }) =>
          data.length === 0 ? (
            <EmptyState icon={GitBranch}>{t("No policies yet. The base policy is created when the service is set up.")}</EmptyState>
          ) : (
            <>
              <PolicyGraph policies={data} />
              <Table columns={[t("Policy"), t("State"), t("Source"), t("Metrics"), t("Published"), t("Actions")]}>
                {data.map((policy) => (
                  <Row key={policy.id} policy={policy} />
                ))}
              </Table>
            </>
          )
        }
      </QueryResult>
    </>
  );
}

function Row({ policy }: { policy: Policy }) {
  const measured = comparisonOf(policy.metrics ?? {});
  return (
    <tr className="hover:bg-panel/60">
      <Cell>
        <Link to={`/operator/policies/${policy.id}`} className="font-medium whitespace-nowrap underline-offset-4 hover:underline">
          {policy.id}
        </Link>
        {policy.parent_id && (
          <span className="mt-0.5 flex items-center gap-1 text-xs whitespace-nowrap text-muted">
            <CornerDownRight aria-hidden className="size-3.5 text-faint" />
            {t("from {{parentId}}", { parentId: policy.parent_id })}
          </span>
        )}
      </Cell>
      <Cell>
        <StateBadge state={policy.state} /> {policy.team_id && <TeamBadge id={policy.team_id} />}
      </Cell>
      <Cell className="whitespace-nowrap">
        {policy.iteration_id ? (
          <Link to={`/operator/iterations/${policy.iteration_id}`} className="underline-offset-4 hover:underline">
            {policy.iteration_id}
          </Link>
        ) : (
          <span className="text-muted">{t("base model")}</span>
        )}
      </Cell>
      <Cell className="text-[13px] text-muted">
        {measured ? (
          <span className="flex flex-wrap gap-x-4">
            <BriefMetric label={t("Gain")} value={signed(measured.gain.mean)} />
            <BriefMetric label={t("Win rate")} value={`${Math.round(measured.win_rate.mean * 100)}%`} />
            <BriefMetric label="KL" value={figure(measured.kl)} />
          </span>
        ) : (
          <span className="text-faint">–</span>
        )}
      </Cell>
      <Cell className="whitespace-nowrap text-muted">{ago(policy.created_at)}</Cell>
      <Cell className="text-end">{policy.state !== "current" && <Promote policy={policy} small />}</Cell>
    </tr>
  );
}

function BriefMetric({ label, value }: { label: string; value: string }) {
  return (
    <span className="whitespace-nowrap">
      {label} <span className="text-ink">{value}</span>
    </span>
  );
}

function RollBack({ current, earlier }: { current: Policy | undefined; earlier: Policy | undefined }) {
  const [asking, setAsking] = useState(false);
  const refresh = useRefresh();
  const toast = useToast();
  return (
    <>
      <Button icon={Undo2} disabled={!current || !earlier} title={earlier ? undefined : t("No earlier policy was in use")} onClick={() => setAsking(true)}>
        {t("Roll back")}
      </Button>
      <Confirm
        danger
        open={asking}
        onClose={() => setAsking(false)}
        title={t("Roll back to {{id}}?", { id: earlier?.id ?? "" })}
        action={t("Roll back")}
        onConfirm={async () => {
          await operator.rollBack();
          await refresh("operator");
          toast(t("Rolled back to {{id}}. It serves new turns once it is loaded.", { id: earlier?.id ?? "" }));
        }}
      >
        {t("New turns go to {{earlier}}, which was current before {{current}}. {{current}} is marked as rejected. Answers in progress are not interrupted.", { earlier: earlier?.id ?? "", current: current?.id ?? "" })}
      </Confirm>
    </>
  );
}
