import { expect, test } from "vitest";
import { withDollarMath } from "./mathDelimiters";

test("brackets of maths become dollars", () => {
  expect(withDollarMath("So \\(a^2\\) and\n\\[b\\]")).toBe("So $$a^2$$ and\n\n$$\nb\n$$\n");
});

test("code keeps its brackets", () => {
  expect(withDollarMath("`\\(a\\)` and\n```\n\\[b\\]\n```")).toBe("`\\(a\\)` and\n```\n\\[b\\]\n```");
});

test("money stays money", () => {
  expect(withDollarMath("$5 and $6")).toBe("$5 and $6");
});
