import { expect, test } from "vitest";
import { rated } from "./rubric";

test("a rating is told in a sentence", () => {
  expect(rated({ severity: 2, novelty: 0, harm: 3 })).toBe(
    "Severity 2, Novelty 0, Harm in the real world 3 of 3 each.",
  );
});
