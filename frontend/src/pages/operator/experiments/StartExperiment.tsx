/** Starts an experiment with a policy. */
import { FlaskConical } from "lucide-react";
import { useState } from "react";
import { usePolicies, useRefresh } from "../../../api/queries";
import { experiments } from "../../../api/experiments";
import { useTeams } from "../../../api/teams";
import { Button } from "../../../components/Button";
import { Dialog, DialogButtons } from "../../../components/Dialog";
import { ErrorMessage } from "../../../components/feedback/ErrorMessage";
import { useToast } from "../../../components/feedback/Toast";
import { t } from "../../../i18n";
import { OverrideReason } from "../policies/OverrideReason";
import { Checkbox, NumberField, Select } from "../../../components/Field";
import { TrialForecast } from "./TrialForecast";

export function StartExperiment() {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button icon={FlaskConical} kind="primary" onClick={() => setOpen(true)}>
        {t("Start an experiment")}
      </Button>
      <Dialog
        open={open}
        onClose={() => setOpen(false)}
        title={t("Start an experiment")}
        description={t("A canary serves a share of users. A shadow generates answers in parallel that users never see.")}
      >
        <Form onDone={() => setOpen(false)} />
      </Dialog>
    </>
  );
}

function Form({ onDone }: { onDone: () => void }) {
  const policies = usePolicies();
  const choices = (policies.data?.data ?? []).filter((policy) => policy.state !== "current");
  const [chosen, setChosen] = useState<string>();
  const [kind, setKind] = useState("canary");
  const [share, setShare] = useState(10);
  const [automatic, setAutomatic] = useState(true);
  const [explanation, setExplanation] = useState("");
  const [problem, setProblem] = useState<unknown>();
  const refresh = useRefresh();
  const toast = useToast();
  const teams = useTeams().data?.data ?? [];
  const policy = choices.find(({ id }) => id === chosen) ?? choices[0];
  const policy_id = policy?.id;
  const teamName = (id: string) => teams.find((team) => team.id === id)?.name ?? id;

  async function start() {
    try {
      await experiments.start({
        policy_id: policy_id!,
        kind: kind as "canary" | "shadow",
        share: share / 100,
        automatic,
        explanation,
      });
      await refresh("operator");
      toast(t("Experiment with {{policyId}} started.", { policyId: policy_id! }));
      onDone();
    } catch (error) {
      setProblem(error);
    }
  }

  if (policies.data && choices.length === 0)
    return <p className="text-sm text-muted">{t("The current policy is the only one. Run an iteration first.")}</p>;
  return (
    <div className="space-y-4">
      <Select
        label={t("Policy")}
        value={policy_id ?? ""}
        onChange={(event) => setChosen(event.target.value)}
        options={choices.map(({ id, team_id }) => ({ value: id, label: team_id ? `${id} (${teamName(team_id)})` : id }))}
      />
      <Select
        label={t("Kind")}
        value={kind}
        onChange={(event) => setKind(event.target.value)}
        options={[
          { value: "canary", label: t("Canary: serves a share of users") },
          { value: "shadow", label: t("Shadow: generates in parallel, not shown to users") },
        ]}
      />
      <NumberField label={kind === "canary" ? t("Share of users (%)") : t("Share of turns (%)")} value={share} min={1} max={100} onChange={setShare} />
      {kind === "canary" && (
        <Checkbox
          checked={automatic}
          onChange={setAutomatic}
          label={t("Decide automatically: promote the policy once users significantly prefer it; roll it back once they significantly prefer the current one or more answers go wrong. Needs a running worker.")}
        />
      )}
      {kind === "canary" && <TrialForecast teamId={policy?.team_id ?? undefined} />}
      <OverrideReason
        policy={policy}
        value={explanation}
        onChange={setExplanation}
      />
      {problem !== undefined && <ErrorMessage error={problem} />}
      <DialogButtons>
        <Button onClick={onDone}>{t("Cancel")}</Button>
        <Button kind="primary" disabled={!policy_id} onClick={() => void start()}>
          {t("Start")}
        </Button>
      </DialogButtons>
    </div>
  );
}
