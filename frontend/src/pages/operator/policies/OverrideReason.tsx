/** Asks for the reason to promote a policy that fails accepted-report cases. */
import type { Policy } from "../../../api/types";
import { Field } from "../../../components/Field";

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
      label="Reason for overriding"
      hint={`This policy reproduces answers from accepted reports: ${failed.join(", ")}. Your reason is recorded in the audit log.`}
      value={value}
      maxLength={2000}
      onChange={(event) => onChange(event.target.value)}
    />
  );
}
