/** Who meets which policy: the trial under way, the schedule, the leaderboard, and what was tried before. */
import { FlaskConical } from "lucide-react";
import { useTrials, type Trial } from "../../../api/trials";
import { Badge } from "../../../components/Badge";
import { ago, words } from "../../../format";
import { Card, Cell, Empty, Heading, Read, Table } from "../Parts";
import { Leaderboard } from "./Leaderboard";
import { Running } from "./Running";
import { ScheduleCard } from "./ScheduleCard";
import { StartTrial } from "./StartTrial";

export function TrialsTab() {
  const query = useTrials();
  const running = query.data?.data.find((trial) => trial.state === "running");
  return (
    <>
      <Heading
        title="Experiments"
        hint="A candidate serves a share of users before it is rolled out to everyone. Rules promote it or roll it back; you can do either at any time."
      >
        {query.data && !running && <StartTrial />}
      </Heading>
      <Read query={query}>
        {({ data }) => (
          <div className="space-y-5">
            {running ? (
              <Running trial={running} />
            ) : (
              <Empty icon={FlaskConical}>
                No experiment is running. The schedule can start one automatically for accepted candidates.
              </Empty>
            )}
            <div className="grid gap-5 lg:grid-cols-2">
              <ScheduleCard />
              <Leaderboard />
            </div>
            <Past trials={data.filter((trial) => trial.state !== "running")} />
          </div>
        )}
      </Read>
    </>
  );
}

function Past({ trials }: { trials: Trial[] }) {
  if (trials.length === 0) return null;
  return (
    <Card title="Past experiments">
      <Table columns={["Policy", "Control", "Kind", "Ended", "Reasons"]}>
        {trials.map((trial) => (
          <tr key={trial.id}>
            <Cell className="font-medium whitespace-nowrap">{trial.policy_id}</Cell>
            <Cell className="whitespace-nowrap text-muted">{trial.control_id}</Cell>
            <Cell className="whitespace-nowrap text-muted">{trial.kind}</Cell>
            <Cell className="whitespace-nowrap">
              <Badge tone={trial.state === "promoted" ? "good" : "warn"}>{words(trial.state)}</Badge> <span className="ml-2 text-muted">{ago(trial.ended_at ?? 0)}</span>
            </Cell>
            <Cell className="min-w-64 text-muted">{trial.reasons.join(" ")}</Cell>
          </tr>
        ))}
      </Table>
    </Card>
  );
}
