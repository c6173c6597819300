/** One iteration: its stages, curves, decision and report. */
import { useMutation } from "@tanstack/react-query";
import clsx from "clsx";
import { Ban, Check, ExternalLink, LoaderCircle, Minus } from "lucide-react";
import { useState } from "react";
import { Link, useParams } from "react-router";
import { operator } from "../../../api/client";
import { isUnfinished, useIteration, usePolicies, useRefresh } from "../../../api/queries";
import type { Iteration, IterationDetail, Progress } from "../../../api/types";
import { Button } from "../../../components/Button";
import { Confirm } from "../../../components/Dialog";
import { duration, time, words } from "../../../format";
import { Trans, t } from "../../../i18n";
import { Curves } from "./Curves";
import { LadderCard } from "./LadderCard";
import { MetricList } from "./MetricList";
import { EvaluationCard } from "../policies/EvaluationCard";
import { GateChecks } from "../policies/GateChecks";
import { checksOf, comparisonOf, keptUpdate, stageSeconds } from "../policies/evaluation";
import { flatNumbers, PPO_CURVES, SFT_CURVES } from "./metrics";
import { Card } from "../../../components/Card";
import { SignalTable } from "../../../components/SignalTable";
import { BackLink, PageHeading } from "../../../components/PageHeading";
import { ProgressBar } from "../../../components/feedback/ProgressBar";
import { QueryResult } from "../../../components/feedback/QueryResult";
import { StateBadge } from "../../../components/StateBadge";
import { Promote } from "../policies/Promote";
import { shareOf, silenceOf, stageLabel, STAGES, stageState, stepOf, type StageState } from "./stages";

export function IterationPage() {
  const { id } = useParams();
  const iteration = useIteration(id!);
  return (
    <>
      <BackLink to="/operator/iterations">{t("Iterations")}</BackLink>
      <QueryResult query={iteration}>{(data) => <Detail iteration={data} />}</QueryResult>
    </>
  );
}

function Detail({ iteration }: { iteration: IterationDetail }) {
  const { stages } = iteration;
  const measured = comparisonOf(iteration.metrics);
  const took = (iteration.finished_at ?? Date.now() / 1000) - (iteration.started_at ?? iteration.created_at);
  return (
    <>
      <PageHeading
        title={
          <span className="inline-flex flex-wrap items-center gap-3">
            {iteration.id} <StateBadge state={iteration.state} />
          </span>
        }
        hint={
          <>
            <Trans i18nKey="{{preset}} preset, starting from <a>{{parentPolicyId}}</a>" values={{ preset: words(iteration.preset), parentPolicyId: iteration.parent_policy_id }} components={{ a: <Link to={`/operator/policies/${iteration.parent_policy_id}`} className="underline underline-offset-4" /> }} />
            {iteration.baseline_policy_id !== iteration.parent_policy_id && (
              <>
                {" "}<Trans i18nKey="(an undecided challenger), compared with <a>{{baselinePolicyId}}</a>" values={{ baselinePolicyId: iteration.baseline_policy_id }} components={{ a: <Link to={`/operator/policies/${iteration.baseline_policy_id}`} className="underline underline-offset-4" /> }} />
              </>
            )}
            , {iteration.started_at ? t("started {{startedAt}}", { startedAt: time(iteration.started_at) }) : t("requested {{createdAt}}", { createdAt: time(iteration.created_at) })}
            {iteration.started_at && `, ${iteration.finished_at ? t("took {{time}}", { time: duration(took) }) : t("running for {{time}}", { time: duration(took) })}`}
          </>
        }
      >
        {iteration.report && (
          <a
            href={iteration.report}
            target="_blank"
            rel="noreferrer"
            className="inline-flex h-9.5 items-center gap-2 rounded-lg border border-line-strong bg-surface px-3.5 text-sm font-medium hover:bg-panel"
          >
            <ExternalLink aria-hidden className="size-4" />
            {t("Report")}
          </a>
        )}
        {isUnfinished(iteration) && <Cancel iteration={iteration} />}
      </PageHeading>
      <div className="space-y-3">
        <Timeline iteration={iteration} />
        <Decision iteration={iteration} />
        {measured && <EvaluationCard comparison={measured} />}
        {iteration.policy_id && !isUnfinished(iteration) && <LadderCard id={iteration.id} />}
        {stages.ppo.length > 0 && (
          <Stage title="PPO">
            <Curves curves={PPO_CURVES} rows={stages.ppo} kept={keptUpdate(iteration.metrics)} />
          </Stage>
        )}
        {Object.keys(stages.reward_model).length > 0 && (
          <Stage title={t("Reward model")}>
            <RewardModels models={stages.reward_model} />
          </Stage>
        )}
        {stages.signals.length > 0 && (
          <Stage title={t("What people did with answers")}>
            <SignalTable signals={stages.signals} />
          </Stage>
        )}
        {stages.sft.length > 0 && (
          <Stage title={t("Fine-tuning")}>
            <Curves curves={SFT_CURVES} rows={stages.sft} />
          </Stage>
        )}
      </div>
    </>
  );
}

function Stage({ title, children }: { title: string; children: React.ReactNode }) {
  return (
    <section className="pt-4">
      <h2 className="mb-3 text-lg font-semibold tracking-tight">{title}</h2>
      {children}
    </section>
  );
}

const REWARD_MODELS: Record<string, string> = {
  proxy: t("Training reward model (cross-validation)"),
  held_out: t("Held-out reward model (cross-validation)"),
  examination: t("Training reward model on held-out rankings"),
};

/** How well each reward model predicts held-out feedback. */
function RewardModels({ models }: { models: Record<string, unknown> }) {
  return (
    <div className="grid gap-3 lg:grid-cols-3">
      {Object.entries(models).map(([name, measures]) => (
        <Card key={name} title={REWARD_MODELS[name] ?? words(name)}>
          <MetricList facts={flatNumbers(measures)} />
        </Card>
      ))}
    </div>
  );
}

const STAGE_CLASSES: Record<StageState, string> = {
  done: "bg-accent text-on-accent",
  running: "bg-accent-soft text-accent-ink ring-2 ring-accent",
  waiting: "bg-panel text-faint",
  left: "bg-panel text-faint",
};

function Timeline({ iteration }: { iteration: Iteration }) {
  const progress = iteration.progress as Progress;
  return (
    <Card>
      <ol className="grid gap-x-2 gap-y-4 sm:grid-cols-3 lg:grid-cols-6">
        {STAGES.map(({ name, label, text }, index) => {
          const state = stageState(iteration, index);
          return (
            <li key={name} aria-current={state === "running" ? "step" : undefined} className="flex gap-3 lg:flex-col lg:gap-2">
              <span className={clsx("inline-flex size-7 shrink-0 items-center justify-center rounded-full text-xs font-semibold", STAGE_CLASSES[state])}>
                <StageMark state={state} number={index + 1} />
              </span>
              <span>
                <span className={clsx("block text-sm font-medium", (state === "waiting" || state === "left") && "text-muted")}>{label}</span>
                <span className="block text-[13px] leading-snug text-muted">
                  {text}
                  <StageDuration iteration={iteration} stage={name} />
                </span>
              </span>
            </li>
          );
        })}
      </ol>
      {iteration.state === "queued" && (
        <p className="mt-4 border-t border-line pt-4 text-sm text-muted">
          <Trans i18nKey="Waiting for a worker. If none is running, start one with <code>tutelage worker</code> or <code2>tutelage up</code2>." components={{ code: <code className="font-mono" />, code2: <code className="font-mono" /> }} />
        </p>
      )}
      {iteration.state === "running" && progress.stage && (
        <div className="mt-4 border-t border-line pt-4">
          <p className="mb-2 flex flex-wrap justify-between gap-2 text-sm">
            <span className="font-medium">
              {stageLabel(progress.stage)} <span className="font-normal text-muted">{stepOf(progress)}</span>
            </span>
            <span className="text-muted">{timeLeft(progress)}</span>
          </p>
          <ProgressBar share={shareOf(progress)} label={t("Progress of {{stageLabel}}", { stageLabel: stageLabel(progress.stage) })} />
        </div>
      )}
    </Card>
  );
}

/** "About 4 min left in this stage, 12 min in all · last update 3 minutes ago". */
function timeLeft(progress: Progress): string {
  const { eta_seconds: stage, iteration_eta_seconds: all } = progress;
  const left = stage != null ? t("About {{time}} left in this stage", { time: duration(stage) }) : null;
  const inAll = stage != null && all != null && stage !== all ? t("{{time}} in all", { time: duration(all) }) : null;
  return [[left, inAll].filter(Boolean).join(", "), silenceOf(progress)].filter(Boolean).join(" · ");
}

function StageDuration({ iteration, stage }: { iteration: Iteration; stage: string }) {
  const seconds = stageSeconds(iteration.metrics, stage);
  return seconds === null ? null : <span className="block text-faint">{duration(seconds)}</span>;
}

function StageMark({ state, number }: { state: StageState; number: number }) {
  if (state === "done") return <Check aria-label={t("Done")} className="size-4" />;
  if (state === "running") return <LoaderCircle aria-label={t("Running")} className="size-4 animate-spin" />;
  if (state === "left") return <Minus aria-label={t("Not started")} className="size-4" />;
  return <>{number}</>;
}

const OUTCOMES: Partial<Record<Iteration["state"], string>> = {
  promoted: t("Accepted"),
  refused: t("Rejected"),
  undecided: t("Needs a decision"),
  failed: t("Failed"),
  cancelled: t("Cancelled"),
};

function Decision({ iteration }: { iteration: Iteration }) {
  const outcome = OUTCOMES[iteration.state];
  if (!outcome) return null;
  const checks = checksOf(iteration.metrics);
  const others = iteration.reasons.filter((reason) => !checks.some((check) => check.reason === reason));
  return (
    <Card title={outcome}>
      {others.length > 0 && <Reasons reasons={others} />}
      {checks.length > 0 && <GateChecks checks={checks} />}
      {others.length + checks.length === 0 && <p className="text-sm text-muted">{t("No reasons were given.")}</p>}
      {iteration.policy_id && <Candidate id={iteration.policy_id} />}
    </Card>
  );
}

function Reasons({ reasons }: { reasons: string[] }) {
  return (
    <ul className="mb-4 space-y-1.5 text-sm last:mb-0">
      {reasons.map((reason) => (
        <li key={reason} className="flex gap-2.5">
          <span aria-hidden className="mt-2 size-1.5 shrink-0 rounded-full bg-accent" />
          {reason}
        </li>
      ))}
    </ul>
  );
}

/** The resulting policy and the button that promotes it. */
function Candidate({ id }: { id: string }) {
  const policy = usePolicies().data?.data.find((each) => each.id === id);
  return (
    <div className="mt-5 flex flex-wrap items-center gap-x-4 gap-y-2 border-t border-line pt-4">
      <Link to={`/operator/policies/${id}`} className="text-sm font-medium text-accent-ink underline underline-offset-4">
        {id}
      </Link>
      {policy && <StateBadge state={policy.state} />}
      {policy?.state === "candidate" && (
        <div className="ms-auto">
          <Promote policy={policy} />
        </div>
      )}
    </div>
  );
}

function Cancel({ iteration }: { iteration: Iteration }) {
  const [asking, setAsking] = useState(false);
  const refresh = useRefresh();
  const cancel = useMutation({
    mutationFn: () => operator.cancelIteration(iteration.id),
    onSuccess: () => refresh("operator"),
  });
  return (
    <>
      <Button icon={Ban} onClick={() => setAsking(true)}>
        {t("Cancel iteration")}
      </Button>
      <Confirm
        danger
        open={asking}
        onClose={() => setAsking(false)}
        title={t("Cancel {{id}}?", { id: iteration.id })}
        action={t("Cancel iteration")}
        onConfirm={() => cancel.mutateAsync()}
      >
        {t("The worker stops at its next step. No policy is produced; the feedback stays available.")}
      </Confirm>
    </>
  );
}
