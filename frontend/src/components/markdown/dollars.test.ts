import { expect, test } from "vitest";
import { dollars } from "./dollars";

test("brackets of maths become dollars", () => {
  expect(dollars("So \\(a^2\\) and\n\\[b\\]")).toBe("So $$a^2$$ and\n\n$$\nb\n$$\n");
});

test("code keeps its brackets", () => {
  expect(dollars("`\\(a\\)` and\n```\n\\[b\\]\n```")).toBe("`\\(a\\)` and\n```\n\\[b\\]\n```");
});

test("money stays money", () => {
  expect(dollars("$5 and $6")).toBe("$5 and $6");
});
