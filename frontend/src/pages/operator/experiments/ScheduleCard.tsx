/** When iterations start automatically, and whether their candidates go into a canary. */
import { useState } from "react";
import { useRefresh } from "../../../api/queries";
import { useTeams } from "../../../api/teams";
import { experiments, useSchedule, type Schedule, type ScheduleState } from "../../../api/experiments";
import { Badge } from "../../../components/Badge";
import { Button } from "../../../components/Button";
import { Checkbox, Field, NumberField, Select } from "../../../components/Field";
import { ErrorMessage } from "../../../components/feedback/ErrorMessage";
import { useToast } from "../../../components/feedback/Toast";
import { time } from "../../../format";
import { Card } from "../../../components/Card";
import { QueryResult } from "../../../components/feedback/QueryResult";
import { t } from "../../../i18n";

const NONE: Schedule = {
  team_id: null,
  preset: "quick",
  cron: "",
  feedback: 0,
  canary: true,
  unproven: false,
  share: 0.1,
  days: 14,
  build_on_undecided: false,
  keep: 5,
  enabled: true,
};

export function ScheduleCard() {
  const [team, setTeam] = useState("");
  const teams = useTeams().data?.data ?? [];
  const query = useSchedule(team || undefined);
  const on = query.data?.schedule != null;
  return (
    <Card title={t("Schedule")} aside={<Badge tone={on ? "good" : "plain"}>{on ? t("On") : t("Off")}</Badge>}>
      {teams.length > 0 && (
        <div className="mb-4">
          <Select
            label={t("For")}
            value={team}
            onChange={(event) => setTeam(event.target.value)}
            options={[{ value: "", label: t("Everyone") }, ...teams.map(({ id, name }) => ({ value: id, label: name }))]}
          />
        </div>
      )}
      <QueryResult query={query}>
        {(state) => <Form key={team + JSON.stringify(state.schedule)} state={state} teamId={team || null} />}
      </QueryResult>
    </Card>
  );
}

function Form({ state, teamId }: { state: ScheduleState; teamId: string | null }) {
  const [plan, setPlan] = useState<Schedule>(state.schedule ?? NONE);
  const [problem, setProblem] = useState<unknown>();
  const refresh = useRefresh();
  const toast = useToast();
  const change = (part: Partial<Schedule>) => setPlan({ ...plan, ...part });

  async function save(enabled: boolean) {
    try {
      setProblem(undefined);
      await experiments.setSchedule({ ...plan, enabled, team_id: teamId });
      await refresh("operator");
      toast(enabled ? t("Schedule enabled.") : t("Schedule disabled."));
    } catch (error) {
      setProblem(error);
    }
  }

  return (
    <div className="space-y-4">
      <p className="text-sm text-muted">
        {state.next_at && `${t("Next scheduled iteration: {{time}}.", { time: time(state.next_at) })} `}
        {t("{{count}} new ratings since the last iteration.", { count: state.judgements })}
      </p>
      <div className="grid gap-4 sm:grid-cols-2">
        <Field label={t("Cron schedule (UTC)")} placeholder="0 3 * * *" value={plan.cron} onChange={(event) => change({ cron: event.target.value })} />
        <NumberField label={t("After N new ratings (0 = off)")} min={0} max={1_000_000} value={plan.feedback} onChange={(feedback) => change({ feedback })} />
        <Select
          label={t("Preset")}
          value={plan.preset}
          onChange={(event) => change({ preset: event.target.value })}
          options={[
            { value: "quick", label: t("Quick") },
            { value: "standard", label: t("Standard") },
            { value: "smoke", label: t("Smoke (tests)") },
          ]}
        />
        {teamId === null && (
          <NumberField label={t("Old policies to keep")} min={1} max={1000} value={plan.keep} onChange={(keep) => change({ keep })} />
        )}
      </div>
      <Checkbox
        checked={plan.canary}
        onChange={(canary) => change({ canary })}
        label={t("Start a canary automatically for accepted candidates ({{share}}% of users).", { share: Math.round(plan.share * 100) })}
      />
      {plan.canary && (
        <>
          <Checkbox
            checked={plan.unproven}
            onChange={(unproven) => change({ unproven })}
            label={t("Also start a canary for inconclusive candidates (no metric worse, improvement not significant). You decide the outcome.")}
          />
          <Checkbox
            checked={plan.build_on_undecided}
            onChange={(build_on_undecided) => change({ build_on_undecided })}
            label={t("Train the next iteration from a challenger that users have not decided about. Its canary ends, after a day at the earliest; the gate compares the new candidate with the current policy.")}
          />
          <div className="grid gap-4 sm:grid-cols-2">
            <NumberField label={t("Share of users (%)")} min={1} max={100} value={Math.round(plan.share * 100)} onChange={(share) => change({ share: share / 100 })} />
            <NumberField label={t("Stop if undecided after (days)")} min={1} max={365} value={plan.days} onChange={(days) => change({ days })} />
          </div>
        </>
      )}
      {problem !== undefined && <ErrorMessage error={problem} />}
      <div className="flex gap-2">
        <Button kind="primary" disabled={!plan.cron && !plan.feedback} onClick={() => void save(true)}>
          {state.schedule ? t("Save") : t("Enable")}
        </Button>
        {state.schedule && <Button onClick={() => void save(false)}>{t("Disable")}</Button>}
      </div>
    </div>
  );
}
