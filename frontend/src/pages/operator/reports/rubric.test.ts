import { expect, test } from "vitest";
import { rated } from "./rubric";

test("a rating is told in a sentence", () => {
  expect(rated({ severity: 2, novelty: 0, harm: 3 })).toBe(
    "Severity: 2/3, Novelty: 0/3, Real-world harm: 3/3.",
  );
});
