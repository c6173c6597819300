import { expect, test } from "vitest";
import type { Policy } from "../../../api/types";
import { lineageTree } from "./lineage";

const policy = (id: string, parent_id: string | null = null) => ({ id, parent_id }) as Policy;
const places = (...policies: Policy[]) =>
  Object.fromEntries(lineageTree(policies).map(({ policy: { id }, depth, row }) => [id, [depth, row]]));

test("children stand one step further, side by side", () => {
  const placed = places(policy("c", "a"), policy("a"), policy("b", "a"));
  expect(placed.a![0]).toBe(0);
  expect([placed.b![0], placed.c![0]]).toEqual([1, 1]);
  expect(placed.c![1]! - placed.b![1]!).toBe(1);
});

test("a line stays in one row", () => {
  expect(places(policy("a"), policy("b", "a"), policy("c", "b"))).toEqual({ a: [0, 0], b: [1, 0], c: [2, 0] });
});

test("policies without a known parent are drawn beside each other", () => {
  const placed = places(policy("a"), policy("b", "gone"));
  expect([placed.a![0], placed.b![0]]).toEqual([0, 0]);
  expect(placed.a![1]).not.toBe(placed.b![1]);
});

test("nothing is drawn of nothing", () => {
  expect(lineageTree([])).toEqual([]);
});
