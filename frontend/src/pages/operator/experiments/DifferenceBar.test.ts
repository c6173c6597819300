import { expect, test } from "vitest";
import { at, points, toneOf } from "./DifferenceBar";

const difference = (low: number, high: number) => ({ difference: (low + high) / 2, low, high, people: 30 });

test("a difference is written in points with a real minus", () => {
  expect(points(difference(-0.1, 0.2))).toBe("+5 (−10 to +20)");
});

test("the bar stays inside its track", () => {
  expect([at(-3), at(0), at(3)]).toEqual([0, 50, 100]);
});

test("only what is certain has a colour, by which side is better", () => {
  expect(toneOf(difference(-0.1, 0.2), true)).toBe("bg-faint");
  expect(toneOf(difference(0.1, 0.2), true)).toBe("bg-good");
  expect(toneOf(difference(0.1, 0.2), false)).toBe("bg-danger");
  expect(toneOf(difference(-0.2, -0.1), false)).toBe("bg-good");
});
