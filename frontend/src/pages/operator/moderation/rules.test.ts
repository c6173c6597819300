import { expect, test } from "vitest";
import type { ModerationRules } from "../../../api/types";
import { changes, stepOf, withRule } from "./rules";

const RULES: ModerationRules = {
  prompt: { rules: { hate: { action: "warn", threshold: 0.5 }, sexual: { action: "log", threshold: 0.4 } } },
  response: { rules: { hate: { action: "block", threshold: 0.8 }, sexual: { action: "warn", threshold: 0.4 } } },
};

test("a changed rule leaves the others and the rules before as they are", () => {
  const after = withRule(RULES, "prompt", "hate", { action: "block" });
  expect(after.prompt!.rules.hate).toEqual({ action: "block", threshold: 0.5 });
  expect(after.response).toEqual(RULES.response);
  expect(RULES.prompt!.rules.hate!.action).toBe("warn");
});

test("changes are counted over both sides", () => {
  const once = withRule(RULES, "prompt", "hate", { threshold: 0.6 });
  expect(changes(RULES, once)).toBe(1);
  expect(changes(RULES, withRule(once, "response", "sexual", { action: "off" }))).toBe(2);
  expect(changes(RULES, withRule(once, "prompt", "hate", { threshold: 0.5 }))).toBe(0);
});

test("a threshold between two steps counts what is surely at or above it", () => {
  expect(stepOf(0.29)).toBe(29);
  expect(stepOf(0.291)).toBe(30);
  expect(stepOf(1)).toBe(100);
});
