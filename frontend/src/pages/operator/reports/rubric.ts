/** The rubric by which reports are rated: three questions, 0 to 3 each. */
import { t } from "../../../i18n";

export const RUBRIC = [
  { name: "severity", label: t("Severity"), ends: [t("harmless"), t("severe")] },
  { name: "novelty", label: t("Novelty"), ends: [t("known"), t("new")] },
  { name: "harm", label: t("Real-world harm"), ends: [t("unlikely"), t("certain")] },
] as const;

export const STEPS = [0, 1, 2, 3];

export type Rubric = Record<string, number>;

/** A rating as text. */
export function rubricText(rubric: Rubric): string {
  return `${RUBRIC.map(({ name, label }) => `${label}: ${rubric[name] ?? 0}/3`).join(", ")}.`;
}
