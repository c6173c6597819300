/** Puts a policy on trial. */
import { FlaskConical } from "lucide-react";
import { useState } from "react";
import { usePolicies, useRefresh } from "../../../api/queries";
import { trials } from "../../../api/trials";
import { Button } from "../../../components/Button";
import { Dialog, DialogButtons } from "../../../components/Dialog";
import { Problem } from "../../../components/Problem";
import { useToast } from "../../../components/Toast";
import { Explanation } from "../policies/Explanation";
import { Choice, Number } from "./Fields";

export function StartTrial() {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button icon={FlaskConical} kind="primary" onClick={() => setOpen(true)}>
        Start an experiment
      </Button>
      <Dialog
        open={open}
        onClose={() => setOpen(false)}
        title="Start an experiment"
        description="A canary serves a share of users. A shadow generates answers in parallel that users never see."
      >
        <Form onDone={() => setOpen(false)} />
      </Dialog>
    </>
  );
}

function Form({ onDone }: { onDone: () => void }) {
  const policies = usePolicies();
  const choices = (policies.data?.data ?? []).filter((policy) => policy.state !== "current").map((policy) => policy.id);
  const [chosen, setChosen] = useState<string>();
  const [kind, setKind] = useState("canary");
  const [share, setShare] = useState(10);
  const [automatic, setAutomatic] = useState(true);
  const [explanation, setExplanation] = useState("");
  const [problem, setProblem] = useState<unknown>();
  const refresh = useRefresh();
  const toast = useToast();
  const policy_id = chosen ?? choices[0];

  async function start() {
    try {
      await trials.start({
        policy_id: policy_id!,
        kind: kind as "canary" | "shadow",
        share: share / 100,
        automatic,
        explanation,
      });
      await refresh("operator");
      toast(`Experiment with ${policy_id} started.`);
      onDone();
    } catch (error) {
      setProblem(error);
    }
  }

  if (policies.data && choices.length === 0)
    return <p className="text-sm text-muted">The current policy is the only one. Run an iteration first.</p>;
  return (
    <div className="space-y-4">
      <Choice label="Policy" value={policy_id ?? ""} onChange={setChosen} options={choices.map((id) => [id, id])} />
      <Choice
        label="Kind"
        value={kind}
        onChange={setKind}
        options={[
          ["canary", "Canary: serves a share of users"],
          ["shadow", "Shadow: generates in parallel, not shown to users"],
        ]}
      />
      <Number label={kind === "canary" ? "Share of users (%)" : "Share of turns (%)"} value={share} min={1} max={100} onChange={setShare} />
      {kind === "canary" && (
        <label className="flex items-start gap-2.5 text-sm">
          <input type="checkbox" checked={automatic} onChange={(e) => setAutomatic(e.target.checked)} className="mt-0.5 size-4 accent-accent" />
          <span>
            Decide automatically: promote the policy once users significantly prefer it; roll it back once they significantly
            prefer the current one or more answers go wrong. Needs a running worker.
          </span>
        </label>
      )}
      <Explanation
        policy={policies.data?.data.find((each) => each.id === policy_id)}
        value={explanation}
        onChange={setExplanation}
      />
      {problem !== undefined && <Problem error={problem} />}
      <DialogButtons>
        <Button onClick={onDone}>Cancel</Button>
        <Button kind="primary" disabled={!policy_id} onClick={() => void start()}>
          Start
        </Button>
      </DialogButtons>
    </div>
  );
}
