import { expect, test } from "vitest";
import { rubricText } from "./rubric";

test("a rating as text", () => {
  expect(rubricText({ severity: 2, novelty: 0, harm: 3 })).toBe(
    "Severity: 2/3, Novelty: 0/3, Real-world harm: 3/3.",
  );
});
