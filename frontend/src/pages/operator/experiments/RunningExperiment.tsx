/** The running experiment: traffic share, metric differences, and the ways to end it. */
import { Rocket, Square, Undo2 } from "lucide-react";
import { useState } from "react";
import { useRefresh } from "../../../api/queries";
import { experiments, type MetricDifference, type Ending, type Experiment } from "../../../api/experiments";
import { Badge } from "../../../components/Badge";
import { Button } from "../../../components/Button";
import { Confirm } from "../../../components/Dialog";
import { useToast } from "../../../components/feedback/Toast";
import { ago } from "../../../format";
import { Card } from "../../../components/Card";
import { t } from "../../../i18n";
import { DifferenceBar } from "./DifferenceBar";
import { TeamBadge } from "../users/TeamBadge";
import { ShadowAnswers } from "./ShadowAnswers";

const EXPERIMENT_METRICS: { name: string; label: string; good: boolean }[] = [
  { name: "liked", label: t("Thumbs-up rate"), good: true },
  { name: "duels", label: t("Pairwise win rate, above 50%"), good: true },
  { name: "regenerated", label: t("Regeneration rate"), good: false },
  { name: "flagged", label: t("Flagged rate"), good: false },
  { name: "failed", label: t("Error rate"), good: false },
  { name: "slow", label: t("Slow-answer rate"), good: false },
];

interface EndingTexts {
  label: string;
  title: (policy: string) => string;
  done: (policy: string) => string;
  about: string;
}

const ENDINGS: Record<Ending, EndingTexts> = {
  promote: {
    label: t("Promote"),
    title: (policy) => t("Promote {{policy}}?", { policy }),
    done: (policy) => t("{{policy}} serves all users from the next turn on.", { policy }),
    about: t("It serves all users from the next turn on."),
  },
  rollback: {
    label: t("Roll back"),
    title: (policy) => t("Roll back {{policy}}?", { policy }),
    done: (policy) => t("{{policy}} was rolled back.", { policy }),
    about: t("All users are switched back to the current policy from the next turn on, and this policy is marked as rejected."),
  },
  stop: {
    label: t("Stop"),
    title: (policy) => t("Stop the experiment with {{policy}}?", { policy }),
    done: (policy) => t("{{policy}} is a candidate again.", { policy }),
    about: t("The experiment ends without a decision; the policy is a candidate again."),
  },
};

export function RunningExperiment({ experiment }: { experiment: Experiment }) {
  const shadow = experiment.kind === "shadow";
  return (
    <Card
      title={
        <span className="flex flex-wrap items-center gap-2">
          {experiment.policy_id} <span className="font-normal text-muted">{t("vs. {{controlId}}", { controlId: experiment.control_id })}</span>
          <Badge tone="accent" pulse>
            {shadow ? t("Shadow") : t("Canary")}
          </Badge>
          {experiment.team_id && <TeamBadge id={experiment.team_id} />}
          {!shadow && <Badge tone="plain">{experiment.automatic ? t("Automatic") : t("Manual")}</Badge>}
        </span>
      }
      aside={<span className="text-[13px] whitespace-nowrap text-muted">{t("started {{createdAt}}", { createdAt: ago(experiment.created_at) })}</span>}
    >
      <ShareSlider experiment={experiment} />
      {shadow ? <ShadowAnswers experiment={experiment} /> : <MetricDifferences experiment={experiment} />}
      <div className="mt-5 flex flex-wrap gap-2">
        {!shadow && <EndButton experiment={experiment} act="promote" icon={Rocket} />}
        {!shadow && <EndButton experiment={experiment} act="rollback" icon={Undo2} danger />}
        <EndButton experiment={experiment} act="stop" icon={Square} />
      </div>
    </Card>
  );
}

function MetricDifferences({ experiment: { verdict, rules, looks } }: { experiment: Experiment }) {
  const found = verdict as Record<string, MetricDifference | undefined>;
  return (
    <>
      <div className="mt-4 divide-y divide-line">
        {EXPERIMENT_METRICS.map(({ name, label, good }) => (
          <DifferenceBar key={name} label={label} good={good} value={found[name]} />
        ))}
      </div>
      <p className="mt-3 text-[13px] text-muted">
        {t("Difference from the current policy in percentage points. The pairwise win rate is as of the last daily look ({{looks}} so far); the other intervals are valid at any time. No decision is made with fewer than 20 users per arm. An answer is slow if it takes more than {{seconds}} seconds, twice the usual time before the experiment.", { looks: t("{{count}} looks", { count: looks.length }), seconds: Number(rules.slow).toFixed(0) })}
      </p>
    </>
  );
}

function ShareSlider({ experiment }: { experiment: Experiment }) {
  const [share, setShare] = useState(Math.round(experiment.share * 100));
  const refresh = useRefresh();
  const toast = useToast();
  const changed = share !== Math.round(experiment.share * 100);
  return (
    <div className="flex flex-wrap items-center gap-x-4 gap-y-2 text-sm">
      <label className="flex min-w-56 flex-1 items-center gap-3 sm:max-w-md">
        <span className="whitespace-nowrap text-muted">{experiment.kind === "shadow" ? t("Share of turns") : t("Share of users")}</span>
        <input
          type="range"
          min={1}
          max={100}
          value={share}
          onChange={(event) => setShare(Number(event.target.value))}
          className="min-w-0 flex-1 accent-accent"
        />
        <span className="w-12 text-end font-medium tabular-nums">{share}%</span>
      </label>
      {changed && (
        <Button
          small
          kind="primary"
          onClick={async () => {
            await experiments.share(experiment.id, share / 100);
            await refresh("operator");
            toast(t("{{policyId}} now gets {{share}}%.", { policyId: experiment.policy_id, share }));
          }}
        >
          {t("Save")}
        </Button>
      )}
      {experiment.side_by_side && experiment.kind === "canary" && (
        <span className="text-[13px] text-muted">{t("Users who compare several answers and consented to training see both policies.")}</span>
      )}
    </div>
  );
}

function EndButton({ experiment, act, icon, danger }: { experiment: Experiment; act: Ending; icon: typeof Rocket; danger?: boolean }) {
  const [asking, setAsking] = useState(false);
  const refresh = useRefresh();
  const toast = useToast();
  const { label, title, done, about } = ENDINGS[act];
  return (
    <>
      <Button icon={icon} kind={act === "promote" ? "primary" : "secondary"} onClick={() => setAsking(true)}>
        {label}
      </Button>
      <Confirm
        danger={danger}
        open={asking}
        onClose={() => setAsking(false)}
        title={title(experiment.policy_id)}
        action={label}
        onConfirm={async () => {
          await experiments.end(experiment.id, act);
          await refresh("operator");
          toast(done(experiment.policy_id));
        }}
      >
        {about} {t("Answers in progress are not interrupted.")}
      </Confirm>
    </>
  );
}
