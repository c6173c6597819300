import { expect, test } from "vitest";
import { isCostly } from "./cost";

const nested = (depth: number) => Array.from({ length: depth }, (_, level) => `${"  ".repeat(level)}- item`).join("\n");

test.each([
  ["quote marks", ">".repeat(5000)],
  ["list marks", "- ".repeat(5000)],
  ["numbers", "1. ".repeat(5000)],
  ["a deep list", nested(60)],
  ["emphasis", "*_".repeat(15_000)],
  ["headings", "a\n=\n".repeat(6000)],
  ["brackets", "[".repeat(30_000)],
  ["braces of a formula", `$$${"\\sqrt{".repeat(500)}1${"}".repeat(500)}$$`],
])("too many %s are shown as text", (_, text) => {
  expect(isCostly(text)).toBe(true);
});

test.each([
  ["a nested list", nested(8)],
  ["a table", "| a | b | c |\n|---|---|---|\n" + "| 1 | 2 | 3 |\n".repeat(100)],
  ["a long essay", "The *quick* brown fox, [as they say](https://example.com), jumps.\n\n".repeat(200)],
  ["much code", "```js\n" + "x = { a: [1, 2, { b: (3) }] };\n".repeat(900) + "```"],
  ["a formula", "$$\\frac{a^{2}}{\\sqrt{b}}$$"],
])("%s is Markdown", (_, text) => {
  expect(isCostly(text)).toBe(false);
});
