import { expect, test } from "vitest";
import { ago, duration, figure, inTheLast, words } from "./format";

test("durations", () => {
  expect([4.4, 75, 60, 754, 7500].map(duration)).toEqual(["4 s", "1 min 15 s", "1 min", "12 min", "2 h 5 min"]);
});

test("spans", () => {
  expect([1, 24, 168].map(inTheLast)).toEqual(["in the last hour", "in the last 24 hours", "in the last 7 days"]);
});

test("times past", () => {
  expect(ago(1000, 1030)).toBe("just now");
  expect(ago(1000, 1000 + 7300)).toMatch(/2/);
});

test("figures keep three digits", () => {
  expect([0.12345, -12.345, 0, 1234, 0.00004].map(figure)).toEqual(["0.123", "−12.3", "0", "1,234", "4.0e-5"]);
});

test("names become words", () => {
  expect(words("reward_model")).toBe("Reward model");
});
