/** When iterations start by themselves, and what follows. */
import { useState } from "react";
import { useRefresh } from "../../../api/queries";
import { trials, useSchedule, type Schedule, type ScheduleState } from "../../../api/trials";
import { Badge } from "../../../components/Badge";
import { Button } from "../../../components/Button";
import { Tick } from "../../../components/Field";
import { Problem } from "../../../components/Problem";
import { useToast } from "../../../components/Toast";
import { time } from "../../../format";
import { Card, Read } from "../Parts";
import { Choice, Number, Text } from "./Fields";

const NONE: Schedule = {
  preset: "quick",
  cron: "",
  feedback: 0,
  canary: true,
  unproven: false,
  share: 0.1,
  days: 14,
  keep: 5,
  enabled: true,
};

export function ScheduleCard() {
  const query = useSchedule();
  const on = query.data?.schedule != null;
  return (
    <Card title="Schedule" aside={<Badge tone={on ? "good" : "plain"}>{on ? "On" : "Off"}</Badge>}>
      <Read query={query}>{(state) => <Form key={JSON.stringify(state.schedule)} state={state} />}</Read>
    </Card>
  );
}

function Form({ state }: { state: ScheduleState }) {
  const [plan, setPlan] = useState<Schedule>(state.schedule ?? NONE);
  const [problem, setProblem] = useState<unknown>();
  const refresh = useRefresh();
  const toast = useToast();
  const change = (part: Partial<Schedule>) => setPlan({ ...plan, ...part });

  async function save(enabled: boolean) {
    try {
      setProblem(undefined);
      await trials.setSchedule({ ...plan, enabled });
      await refresh("operator");
      toast(enabled ? "The schedule is on." : "The schedule is off.");
    } catch (error) {
      setProblem(error);
    }
  }

  return (
    <div className="space-y-4">
      <p className="text-sm text-muted">
        {state.next_at ? `The clock starts the next iteration on ${time(state.next_at)}. ` : ""}
        {state.judgements} judgements since the newest iteration.
      </p>
      <div className="grid gap-4 sm:grid-cols-2">
        <Text label="By the clock: cron, UTC" hint="0 3 * * *" value={plan.cron} onChange={(cron) => change({ cron })} />
        <Number label="After so many judgements (0: never)" min={0} max={1_000_000} value={plan.feedback} onChange={(feedback) => change({ feedback })} />
        <Choice
          label="Preset"
          value={plan.preset}
          onChange={(preset) => change({ preset })}
          options={[
            ["quick", "Quick"],
            ["standard", "Standard"],
            ["smoke", "Smoke (tests)"],
          ]}
        />
        <Number label="Old policies whose weights are kept" min={1} max={1000} value={plan.keep} onChange={(keep) => change({ keep })} />
      </div>
      <Tick
        checked={plan.canary}
        onChange={(canary) => change({ canary })}
        label={`A candidate that the gate lets pass goes on trial by itself, with ${Math.round(plan.share * 100)}% of the people.`}
      />
      {plan.canary && (
        <>
          <Tick
            checked={plan.unproven}
            onChange={(unproven) => change({ unproven })}
            label="So does one that the gate finds no worse anywhere, though its gain may be chance: people decide."
          />
          <div className="grid gap-4 sm:grid-cols-2">
            <Number label="Share of people, %" min={1} max={100} value={Math.round(plan.share * 100)} onChange={(share) => change({ share: share / 100 })} />
            <Number label="Days until an undecided trial stops" min={1} max={365} value={plan.days} onChange={(days) => change({ days })} />
          </div>
        </>
      )}
      {problem !== undefined && <Problem error={problem} />}
      <div className="flex gap-2">
        <Button kind="primary" disabled={!plan.cron && !plan.feedback} onClick={() => void save(true)}>
          {state.schedule ? "Save" : "Switch on"}
        </Button>
        {state.schedule && <Button onClick={() => void save(false)}>Switch off</Button>}
      </div>
    </div>
  );
}
