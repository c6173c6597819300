/** Asks for the reason to promote a policy that fails accepted-report cases. */
import type { Policy } from "../../../api/types";
import { Field } from "../../../components/Field";
import { t } from "../../../i18n";

interface OverrideReasonProps {
  policy: Policy | undefined;
  value: string;
  onChange: (value: string) => void;
}

export function OverrideReason({ policy, value, onChange }: OverrideReasonProps) {
  const failed = (policy?.metrics?.failed_cases as string[] | null | undefined) ?? [];
  if (failed.length === 0) return null;
  return (
    <Field
      className="mt-4"
      label={t("Reason for overriding")}
      hint={t("This policy reproduces answers from accepted reports: {{failed}}. Your reason is recorded in the audit log.", { failed: failed.join(", ") })}
      value={value}
      maxLength={2000}
      onChange={(event) => onChange(event.target.value)}
    />
  );
}
