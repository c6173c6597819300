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
        title="Trials"
        hint="A candidate answers a share of the people before it answers everybody. The rules promote it or roll it back; you can do either at any time."
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
                Nothing is on trial. A candidate that the gate lets pass goes on trial by itself when the schedule says so.
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
    <Card title="Tried before">
      <Table columns={["Policy", "Against", "Kind", "Ended", "Why"]}>
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
