/** The running experiment, the schedule, the leaderboard, and past experiments. */
import { FlaskConical } from "lucide-react";
import { useExperiments, type Experiment } from "../../../api/experiments";
import { Badge } from "../../../components/Badge";
import { ago, words } from "../../../format";
import { Card } from "../../../components/Card";
import { EmptyState } from "../../../components/feedback/EmptyState";
import { PageHeading } from "../../../components/PageHeading";
import { QueryResult } from "../../../components/feedback/QueryResult";
import { Cell, Table } from "../../../components/Table";
import { t } from "../../../i18n";
import { Leaderboard } from "./Leaderboard";
import { RunningExperiment } from "./RunningExperiment";
import { ScheduleCard } from "./ScheduleCard";
import { TeamBadge } from "../users/TeamBadge";
import { StartExperiment } from "./StartExperiment";

export function ExperimentsTab() {
  const query = useExperiments();
  const running = (query.data?.data ?? []).filter((experiment) => experiment.state === "running");
  return (
    <>
      <PageHeading
        title={t("Experiments")}
        hint={t("A candidate serves a share of users before it is rolled out to everyone. Rules promote it or roll it back; you can do either at any time.")}
      >
        {query.data && <StartExperiment />}
      </PageHeading>
      <QueryResult query={query}>
        {({ data }) => (
          <div className="space-y-5">
            {running.map((experiment) => (
              <RunningExperiment key={experiment.id} experiment={experiment} />
            ))}
            {running.length === 0 && (
              <EmptyState icon={FlaskConical}>
                {t("No experiment is running. The schedule can start one automatically for accepted candidates.")}
              </EmptyState>
            )}
            <div className="grid gap-5 lg:grid-cols-2">
              <ScheduleCard />
              <Leaderboard />
            </div>
            <PastExperiments trials={data.filter((experiment) => experiment.state !== "running")} />
          </div>
        )}
      </QueryResult>
    </>
  );
}

function PastExperiments({ trials }: { trials: Experiment[] }) {
  if (trials.length === 0) return null;
  return (
    <Card title={t("Past experiments")}>
      <Table columns={[t("Policy"), t("Control"), t("Kind"), t("Ended"), t("Reasons")]}>
        {trials.map((experiment) => (
          <tr key={experiment.id}>
            <Cell className="font-medium whitespace-nowrap">
              {experiment.policy_id} {experiment.team_id && <TeamBadge id={experiment.team_id} />}
            </Cell>
            <Cell className="whitespace-nowrap text-muted">{experiment.control_id}</Cell>
            <Cell className="whitespace-nowrap text-muted">{words(experiment.kind)}</Cell>
            <Cell className="whitespace-nowrap">
              <Badge tone={experiment.state === "promoted" ? "good" : "warn"}>{words(experiment.state)}</Badge> <span className="ms-2 text-muted">{ago(experiment.ended_at ?? 0)}</span>
            </Cell>
            <Cell className="min-w-64 text-muted">{experiment.reasons.join(" ")}</Cell>
          </tr>
        ))}
      </Table>
    </Card>
  );
}
