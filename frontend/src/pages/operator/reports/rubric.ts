/** The rubric by which reports are rated: three questions, 0 to 3 each. */

export const RUBRIC = [
  { name: "severity", label: "Severity", ends: ["harmless", "severe"] },
  { name: "novelty", label: "Novelty", ends: ["known", "new"] },
  { name: "harm", label: "Real-world harm", ends: ["unlikely", "certain"] },
] as const;

export const STEPS = [0, 1, 2, 3];

export type Rubric = Record<string, number>;

/** A rating as text. */
export function rubricText(rubric: Rubric): string {
  return `${RUBRIC.map(({ name, label }) => `${label}: ${rubric[name] ?? 0}/3`).join(", ")}.`;
}
