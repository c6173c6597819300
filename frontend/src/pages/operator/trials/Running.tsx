/** The trial under way: its share, what is known by now, and the ways to end it. */
import { Rocket, Square, Undo2 } from "lucide-react";
import { useState } from "react";
import { useRefresh } from "../../../api/queries";
import { trials, type Difference, type Ending, type Trial } from "../../../api/trials";
import { Badge } from "../../../components/Badge";
import { Button } from "../../../components/Button";
import { Confirm } from "../../../components/Dialog";
import { useToast } from "../../../components/Toast";
import { ago } from "../../../format";
import { Card } from "../Parts";
import { Interval } from "./Interval";
import { Shadows } from "./Shadows";

const MEASURES: { name: string; label: string; good: boolean }[] = [
  { name: "liked", label: "Thumbs up among thumbs", good: true },
  { name: "duels", label: "Wins side by side, above half", good: true },
  { name: "regenerated", label: "Answers asked for again", good: false },
  { name: "flagged", label: "Answers that moderation acted on", good: false },
  { name: "failed", label: "Answers that broke off", good: false },
  { name: "slow", label: "Answers that took too long", good: false },
];

const ENDINGS: Record<Ending, { label: string; done: string; about: string }> = {
  promote: { label: "Promote", done: "answers everybody from now on.", about: "It answers everybody from the next turn on." },
  rollback: {
    label: "Roll back",
    done: "was rolled back.",
    about: "Everybody meets the current policy again from the next turn on, and this one is rejected.",
  },
  stop: { label: "Stop", done: "is a candidate again.", about: "The trial ends without a verdict; the policy is a candidate again." },
};

export function Running({ trial }: { trial: Trial }) {
  const shadow = trial.kind === "shadow";
  return (
    <Card
      title={
        <span className="flex flex-wrap items-center gap-2">
          {trial.policy_id} <span className="font-normal text-muted">against {trial.control_id}</span>
          <Badge tone="accent" pulse>
            {shadow ? "Shadow" : "Canary"}
          </Badge>
          {!shadow && <Badge tone="plain">{trial.automatic ? "Rules decide" : "You decide"}</Badge>}
        </span>
      }
      aside={<span className="text-[13px] whitespace-nowrap text-muted">begun {ago(trial.created_at)}</span>}
    >
      <Share trial={trial} />
      {shadow ? <Shadows trial={trial} /> : <Known trial={trial} />}
      <div className="mt-5 flex flex-wrap gap-2">
        {!shadow && <End trial={trial} act="promote" icon={Rocket} />}
        {!shadow && <End trial={trial} act="rollback" icon={Undo2} danger />}
        <End trial={trial} act="stop" icon={Square} />
      </div>
    </Card>
  );
}

function Known({ trial: { verdict, rules } }: { trial: Trial }) {
  const found = verdict as Record<string, Difference | undefined>;
  return (
    <>
      <div className="mt-4 divide-y divide-line">
        {MEASURES.map(({ name, label, good }) => (
          <Interval key={name} label={label} good={good} value={found[name]} />
        ))}
      </div>
      <p className="mt-3 text-[13px] text-muted">
        Difference from the current policy in percentage points. The bars hold at all times at once, so looking often costs
        nothing; nothing is decided with fewer than 20 people on a side. Too long is twice what was usual before the trial:{" "}
        {Number(rules.slow).toFixed(0)} seconds.
      </p>
    </>
  );
}

function Share({ trial }: { trial: Trial }) {
  const [share, setShare] = useState(Math.round(trial.share * 100));
  const refresh = useRefresh();
  const toast = useToast();
  const changed = share !== Math.round(trial.share * 100);
  return (
    <div className="flex flex-wrap items-center gap-x-4 gap-y-2 text-sm">
      <label className="flex min-w-56 flex-1 items-center gap-3 sm:max-w-md">
        <span className="whitespace-nowrap text-muted">{trial.kind === "shadow" ? "Share of turns" : "Share of people"}</span>
        <input
          type="range"
          min={1}
          max={100}
          value={share}
          onChange={(event) => setShare(Number(event.target.value))}
          className="min-w-0 flex-1 accent-accent"
        />
        <span className="w-12 text-right font-medium tabular-nums">{share}%</span>
      </label>
      {changed && (
        <Button
          small
          kind="primary"
          onClick={async () => {
            await trials.share(trial.id, share / 100);
            await refresh("operator");
            toast(`${share}% meet ${trial.policy_id}.`);
          }}
        >
          Set
        </Button>
      )}
      {trial.side_by_side && trial.kind === "canary" && (
        <span className="text-[13px] text-muted">Who asks for several answers and agreed to training sees both.</span>
      )}
    </div>
  );
}

function End({ trial, act, icon, danger }: { trial: Trial; act: Ending; icon: typeof Rocket; danger?: boolean }) {
  const [asking, setAsking] = useState(false);
  const refresh = useRefresh();
  const toast = useToast();
  const { label, done, about } = ENDINGS[act];
  return (
    <>
      <Button icon={icon} kind={act === "promote" ? "primary" : "secondary"} onClick={() => setAsking(true)}>
        {label}
      </Button>
      <Confirm
        danger={danger}
        open={asking}
        onClose={() => setAsking(false)}
        title={`${label} ${act === "stop" ? "the trial of " : ""}${trial.policy_id}?`}
        action={label}
        onConfirm={async () => {
          await trials.end(trial.id, act);
          await refresh("operator");
          toast(`${trial.policy_id} ${done}`);
        }}
      >
        {about} Answers that are being written finish as they are.
      </Confirm>
    </>
  );
}
