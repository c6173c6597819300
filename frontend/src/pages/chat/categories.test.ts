import { expect, test } from "vitest";
import { categoryWords, isDistress } from "./categories";

test("categories are told in words", () => {
  expect(categoryWords("hate/threatening")).toBe("hateful threats");
  expect(categoryWords("violence")).toBe("violence");
});

test("only notices about self-harm alone are addressed to someone in distress", () => {
  expect(isDistress(["self-harm", "self-harm/intent"])).toBe(true);
  expect(isDistress(["self-harm", "violence"])).toBe(false);
  expect(isDistress([])).toBe(false);
});
