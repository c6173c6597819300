/** Summary tiles, the dialog that starts an iteration, and the list of iterations. */
import { useMutation } from "@tanstack/react-query";
import { CircleCheck, CircleDashed, Play, RefreshCcwDot } from "lucide-react";
import { useState } from "react";
import { Link, useNavigate } from "react-router";
import { operator } from "../../../api/client";
import { isUnfinished, useIterations, useRefresh, useSummary } from "../../../api/queries";
import type { Iteration, Preset, Progress, Summary } from "../../../api/types";
import { Badge } from "../../../components/Badge";
import { Button } from "../../../components/Button";
import { Dialog, DialogButtons } from "../../../components/Dialog";
import { ErrorMessage } from "../../../components/feedback/ErrorMessage";
import { ago, duration, figure, words } from "../../../format";
import { StatTile } from "../../../components/Card";
import { EmptyState } from "../../../components/feedback/EmptyState";
import { PageHeading } from "../../../components/PageHeading";
import { ProgressBar } from "../../../components/feedback/ProgressBar";
import { QueryResult } from "../../../components/feedback/QueryResult";
import { StateBadge } from "../../../components/StateBadge";
import { Cell, Table } from "../../../components/Table";
import { Select } from "../../../components/Field";
import { useTeams } from "../../../api/teams";
import { TeamBadge } from "../users/TeamBadge";
import { Trans, t } from "../../../i18n";
import { shareOf, stageLabel } from "./stages";

export function IterationsTab() {
  const summary = useSummary();
  const iterations = useIterations();
  const [starting, setStarting] = useState(false);
  const busy = iterations.data?.data.find(isUnfinished);
  return (
    <>
      <PageHeading title={t("Iterations")} hint={<Hint />}>
        <Button kind="primary" icon={Play} disabled={!summary.data || busy !== undefined} onClick={() => setStarting(true)}>
          {t("Start an iteration")}
        </Button>
      </PageHeading>
      <QueryResult query={summary}>{(data) => <SummaryTiles summary={data} />}</QueryResult>
      <QueryResult query={iterations}>
        {({ data }) =>
          data.length === 0 ? (
            <EmptyState icon={RefreshCcwDot}>
              {t("No iterations yet. Start the first one when enough answers have been rated in conversations that allow training.")}
            </EmptyState>
          ) : (
            <Table columns={[t("Iteration"), t("State"), t("Preset"), t("Parent"), t("Candidate"), t("Started"), t("Duration")]}>
              {data.map((iteration) => (
                <Row key={iteration.id} iteration={iteration} />
              ))}
            </Table>
          )
        }
      </QueryResult>
      {summary.data && (
        <Dialog
          open={starting}
          onClose={() => setStarting(false)}
          title={t("Start an iteration")}
          description={t("The iteration is queued, and a worker picks it up within seconds. Users can go on chatting while it runs.")}
        >
          <StartForm summary={summary.data} onClose={() => setStarting(false)} />
        </Dialog>
      )}
    </>
  );
}

function Hint() {
  return (
    <>
      <Trans i18nKey="Each iteration trains a candidate policy on the collected feedback; the gate then accepts or rejects it. Iterations can run on <a>a schedule</a> and learn from <a2>imported data sets</a2>." components={{ a: <Link to="/operator/trials" className={LINK} />, a2: <Link to="/operator/labeling/datasets" className={LINK} /> }} />
    </>
  );
}

const LINK = "underline decoration-line-strong decoration-1 underline-offset-4 hover:decoration-accent";

function SummaryTiles({ summary }: { summary: Summary }) {
  const judgements = Object.values(summary.feedback).reduce((sum, each) => sum + each, 0);
  const kinds = Object.entries(summary.feedback).filter(([, count]) => count > 0);
  const share = summary.conversations ? Math.round((100 * summary.consented_conversations) / summary.conversations) : 0;
  return (
    <div className="mb-6 space-y-3">
      <ErrorMessage error={summary.load_error} />
      <div className="grid grid-cols-2 gap-3 lg:grid-cols-4">
        <StatTile
          label={t("Current policy")}
          value={summary.current_policy ? <Link to={`/operator/policies/${summary.current_policy}`} className={LINK}>{summary.current_policy}</Link> : "none"}
          hint={
            summary.loaded_policy && summary.loaded_policy !== summary.current_policy
              ? t("{{loadedPolicy}} serves until it is loaded", { loadedPolicy: summary.loaded_policy })
              : t("of {{count}} policies", { count: summary.policies })
          }
        />
        <StatTile
          label={t("Conversations available for training")}
          value={figure(summary.consented_conversations)}
          hint={t("{{share}}% of {{conversations}}", { share, conversations: summary.conversations })}
        />
        <StatTile
          label={t("Feedback")}
          value={<Link to="/operator/feedback/judgements" className={LINK}>{figure(judgements)}</Link>}
          hint={kinds.map(([kind, count]) => `${kind} ${count}`).join(" · ") || t("none yet")}
        />
        <StatTile label={t("Users")} value={<Link to="/operator/people" className={LINK}>{figure(summary.users)}</Link>} hint={<Link to="/operator/feedback" className={LINK}>{t("{{count}} open reports", { count: summary.open_reports })}</Link>} />
      </div>
      <Readiness summary={summary} />
    </div>
  );
}

function Readiness({ summary }: { summary: Summary }) {
  const presets = Object.entries(summary.ready);
  return (
    <div className="grid gap-3 rounded-2xl border border-line bg-surface p-4 sm:grid-cols-3">
      {presets.map(([preset, { ready, missing }]) => (
        <div key={preset} className="flex gap-2.5 text-sm">
          {ready ? (
            <CircleCheck aria-hidden className="mt-0.5 size-4 shrink-0 text-good" />
          ) : (
            <CircleDashed aria-hidden className="mt-0.5 size-4 shrink-0 text-faint" />
          )}
          <div>
            <p className="font-medium">
              {words(preset)}: {ready ? t("ready") : t("not enough feedback yet")}
            </p>
            {missing.map((sentence) => (
              <p key={sentence} className="text-[13px] text-muted">
                {sentence}
              </p>
            ))}
          </div>
        </div>
      ))}
    </div>
  );
}

function Row({ iteration }: { iteration: Iteration }) {
  const { id, state, started_at: started, finished_at: finished } = iteration;
  const progress = iteration.progress as Progress;
  const timeLeft = progress.iteration_eta_seconds ?? progress.eta_seconds;
  return (
    <tr className="hover:bg-panel/60">
      <Cell>
        <Link to={`/operator/iterations/${id}`} className="font-medium whitespace-nowrap underline-offset-4 hover:underline">
          {id}
        </Link>
      </Cell>
      <Cell className="min-w-44">
        <StateBadge state={state} />
        {state === "running" && progress.stage && (
          <div className="mt-2 max-w-56">
            <ProgressBar share={shareOf(progress)} label={t("Progress of {{stageLabel}}", { stageLabel: stageLabel(progress.stage) })} />
            <p className="mt-1 text-xs text-muted">
              {stageLabel(progress.stage)}
              {timeLeft != null && `, ${t("{{time}} left", { time: duration(timeLeft) })}`}
            </p>
          </div>
        )}
      </Cell>
      <Cell>
        {words(iteration.preset)} {iteration.team_id && <TeamBadge id={iteration.team_id} />}
      </Cell>
      <Cell className="whitespace-nowrap">{iteration.parent_policy_id}</Cell>
      <Cell className="whitespace-nowrap">
        {iteration.policy_id ? (
          <Link to={`/operator/policies/${iteration.policy_id}`} className="underline-offset-4 hover:underline">
            {iteration.policy_id}
          </Link>
        ) : (
          <span className="text-faint">–</span>
        )}
      </Cell>
      <Cell className="whitespace-nowrap text-muted">{ago(started ?? iteration.created_at)}</Cell>
      <Cell className="whitespace-nowrap text-muted">{started && finished ? duration(finished - started) : "–"}</Cell>
    </tr>
  );
}

const PRESETS: { value: Preset; text: string }[] = [
  { value: "smoke", text: t("Takes seconds. Runs every stage on a tiny model to check that training works.") },
  { value: "quick", text: t("About ten minutes on two cores. Trains the real model on the feedback collected so far.") },
  { value: "standard", text: t("Longer and more thorough, for hundreds of ratings.") },
];

function StartForm({ summary, onClose }: { summary: Summary; onClose: () => void }) {
  const [preset, setPreset] = useState<Preset>("quick");
  const navigate = useNavigate();
  const refresh = useRefresh();
  const [team, setTeam] = useState("");
  const teams = useTeams().data?.data ?? [];
  const start = useMutation({
    mutationFn: () => operator.startIteration(preset, team || null),
    onSuccess: async ({ id }) => {
      onClose();
      await refresh("operator");
      void navigate(`/operator/iterations/${id}`);
    },
  });

  return (
    <>
      <div role="radiogroup" aria-label={t("Preset")} className="space-y-2">
        {PRESETS.map(({ value, text }) => {
          const ready = summary.ready[value];
          return (
            <label
              key={value}
              className="flex cursor-pointer gap-3 rounded-xl border border-line px-4 py-3 has-checked:border-accent has-checked:bg-accent-soft has-focus-visible:outline-2 has-focus-visible:outline-accent"
            >
              <input
                type="radio"
                name="preset"
                value={value}
                checked={preset === value}
                onChange={() => setPreset(value)}
                className="mt-1 accent-(--accent)"
              />
              <span className="min-w-0 flex-1">
                <span className="flex items-center justify-between gap-2 font-medium">
                  {words(value)}
                  {ready && <Badge tone={ready.ready ? "good" : "warn"}>{ready.ready ? t("Ready") : t("Not enough feedback")}</Badge>}
                </span>
                <span className="mt-0.5 block text-sm text-muted">{text}</span>
                {ready?.missing.map((sentence) => (
                  <span key={sentence} className="mt-0.5 block text-[13px] text-warn">
                    {sentence}
                  </span>
                ))}
              </span>
            </label>
          );
        })}
      </div>
      {teams.length > 0 && (
        <Select
          className="mt-4"
          label={t("For")}
          value={team}
          onChange={(event) => setTeam(event.target.value)}
          options={[{ value: "", label: t("Everyone") }, ...teams.map(({ id, name }) => ({ value: id, label: name }))]}
        />
      )}
      <ErrorMessage error={start.error} className="mt-4" />
      <DialogButtons>
        <Button onClick={onClose}>{t("Cancel")}</Button>
        <Button kind="primary" icon={Play} disabled={start.isPending} onClick={() => start.mutate()}>
          {t("Start")}
        </Button>
      </DialogButtons>
    </>
  );
}
