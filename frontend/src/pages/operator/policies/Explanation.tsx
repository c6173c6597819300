/** Asks why a policy may answer people although it fails cases of accepted reports. */
import type { Policy } from "../../../api/types";
import { Field } from "../../../components/Field";

interface ExplanationProps {
  policy: Policy | undefined;
  value: string;
  onChange: (value: string) => void;
}

export function Explanation({ policy, value, onChange }: ExplanationProps) {
  const failed = (policy?.metrics?.failed_cases as string[] | null | undefined) ?? [];
  if (failed.length === 0) return null;
  return (
    <Field
      className="mt-4"
      label="Why it may answer all the same"
      hint={`It answers as badly as was reported and accepted: ${failed.join(", ")}. What you write is kept in the audit log.`}
      value={value}
      maxLength={2000}
      onChange={(event) => onChange(event.target.value)}
    />
  );
}
