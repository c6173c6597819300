/** One policy: model card, evaluation, lineage and manifest. */
import { Link, useParams } from "react-router";
import { usePolicies, usePolicy } from "../../../api/queries";
import type { Policy, PolicyDetail } from "../../../api/types";
import { Badge } from "../../../components/Badge";
import { Markdown } from "../../../components/markdown/Markdown";
import { time } from "../../../format";
import { t } from "../../../i18n";
import { EvaluationCard } from "./EvaluationCard";
import { comparisonOf } from "./evaluation";
import { Card } from "../../../components/Card";
import { BackLink, PageHeading } from "../../../components/PageHeading";
import { QueryResult } from "../../../components/feedback/QueryResult";
import { StateBadge } from "../../../components/StateBadge";
import { TeamBadge } from "../users/TeamBadge";
import { Promote } from "./Promote";

export function PolicyPage() {
  const { id } = useParams();
  const policy = usePolicy(id!);
  return (
    <>
      <BackLink to="/operator/policies">{t("Policies")}</BackLink>
      <QueryResult query={policy}>{(data) => <Detail policy={data} />}</QueryResult>
    </>
  );
}

function Detail({ policy }: { policy: PolicyDetail }) {
  const measured = comparisonOf(policy.metrics ?? {});
  return (
    <>
      <PageHeading
        title={
          <span className="inline-flex flex-wrap items-center gap-3">
            {policy.id} <StateBadge state={policy.state} />
            {policy.team_id && <TeamBadge id={policy.team_id} />}
          </span>
        }
        hint={[
          t("Published {{time}}", { time: time(policy.created_at) }),
          ...(policy.promoted_at ? [t("promoted {{time}}", { time: time(policy.promoted_at) })] : []),
        ].join(", ")}
      >
        {policy.state !== "current" && <Promote policy={policy} />}
      </PageHeading>
      <div className="grid gap-3 lg:grid-cols-[1fr_20rem]">
        <div className="min-w-0 space-y-3">
          <Card title={t("Model card")}>
            {policy.card ? <Markdown text={policy.card} /> : <p className="text-sm text-muted">{t("This policy has no model card.")}</p>}
          </Card>
          {measured && <EvaluationCard comparison={measured} />}
        </div>
        <div className="min-w-0 space-y-3">
          <Card title={t("Lineage")}>
            <Lineage policy={policy} />
          </Card>
          <Card title={t("Manifest")}>
            <details>
              <summary className="text-sm font-medium text-muted hover:text-ink">{t("Show the manifest")}</summary>
              <pre tabIndex={0} className="mt-3 max-h-96 overflow-auto rounded-lg bg-panel p-3 font-mono text-xs">
                {JSON.stringify(policy.manifest, null, 2)}
              </pre>
            </details>
          </Card>
        </div>
      </div>
    </>
  );
}

function Lineage({ policy }: { policy: Policy }) {
  const all = usePolicies().data?.data ?? [];
  const line = ancestors(policy, all);
  return (
    <ol className="space-y-0 text-sm">
      {line.map((each, index) => (
        <li key={each.id} className="relative flex gap-3 pb-4 last:pb-0">
          {index < line.length - 1 && <span aria-hidden className="absolute top-4 bottom-0 start-[5px] w-px bg-line-strong" />}
          <span aria-hidden className={`mt-1.5 size-[11px] shrink-0 rounded-full ${index === 0 ? "bg-accent" : "bg-line-strong"}`} />
          <span className="min-w-0">
            <span className="flex flex-wrap items-center gap-2 font-medium">
              {index === 0 ? each.id : <Link to={`/operator/policies/${each.id}`} className="underline-offset-4 hover:underline">{each.id}</Link>}
              {each.state === "current" && <Badge tone="good">{t("Current")}</Badge>}
            </span>
            <span className="block text-[13px] text-muted">
              {each.iteration_id ? (
                <Link to={`/operator/iterations/${each.iteration_id}`} className="underline-offset-4 hover:underline">
                  {each.iteration_id}
                </Link>
              ) : (
                t("base model")
              )}
            </span>
          </span>
        </li>
      ))}
    </ol>
  );
}

/** The policy, its parent, its parent's parent, to the base. */
function ancestors(policy: Policy, all: Policy[]): Policy[] {
  const parent = all.find((each) => each.id === policy.parent_id);
  return parent ? [policy, ...ancestors(parent, all)] : [policy];
}
