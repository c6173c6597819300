/** Promotes a policy after a confirmation. */
import { Rocket } from "lucide-react";
import { useState } from "react";
import { operator } from "../../../api/client";
import { useRefresh } from "../../../api/queries";
import type { Policy } from "../../../api/types";
import { Button } from "../../../components/Button";
import { Confirm } from "../../../components/Dialog";
import { useToast } from "../../../components/feedback/Toast";
import { t } from "../../../i18n";
import { OverrideReason } from "./OverrideReason";

export function Promote({ policy, small }: { policy: Policy; small?: boolean }) {
  const [asking, setAsking] = useState(false);
  const [explanation, setExplanation] = useState("");
  const refresh = useRefresh();
  const toast = useToast();
  return (
    <>
      <Button small={small} icon={Rocket} kind={small ? "secondary" : "primary"} onClick={() => setAsking(true)}>
        {t("Promote")}
      </Button>
      <Confirm
        open={asking}
        onClose={() => setAsking(false)}
        title={t("Promote {{id}}?", { id: policy.id })}
        action={t("Promote")}
        onConfirm={async () => {
          await operator.promote(policy.id, explanation);
          await refresh("operator");
          toast(t("{{id}} promoted. It serves new turns once it is loaded.", { id: policy.id }));
        }}
      >
        <p>
          {t("New turns go to this policy without a restart. Answers in progress finish on the policy that began them. You can roll back.")}
        </p>
        {policy.state === "rejected" && (
          <p className="mt-2 font-medium text-warn">{t("The gate rejected this policy. Read the reasons of its iteration first.")}</p>
        )}
        <OverrideReason policy={policy} value={explanation} onChange={setExplanation} />
      </Confirm>
    </>
  );
}
