import { expect, test } from "vitest";
import { groupByDay } from "./dates";

const NOW = new Date(2026, 4, 20, 9, 0);
const row = (id: string, at: Date) => ({ id, title: id, training: false, created_at: 0, updated_at: at.getTime() / 1000, pinned_at: null });

test("conversations are grouped by when they were last used", () => {
  const rows = [
    row("now", new Date(2026, 4, 20, 8, 59)),
    row("midnight", new Date(2026, 4, 20, 0, 0)),
    row("late", new Date(2026, 4, 19, 23, 59)),
    row("week", new Date(2026, 4, 14, 12, 0)),
    row("month", new Date(2026, 3, 25, 12, 0)),
    row("old", new Date(2025, 3, 25, 12, 0)),
  ];
  expect(groupByDay(rows, NOW).map((group) => [group.name, group.rows.map((each) => each.id)])).toEqual([
    ["Today", ["now", "midnight"]],
    ["Yesterday", ["late"]],
    ["Previous 7 days", ["week"]],
    ["Previous 30 days", ["month"]],
    ["Older", ["old"]],
  ]);
});

test("a group has one heading where a clock was set back between two rows", () => {
  const rows = [
    row("newest", new Date(2026, 4, 20, 8, 0)),
    row("before the step", new Date(2026, 4, 19, 8, 0)),
    row("oldest", new Date(2026, 4, 20, 7, 0)),
  ];
  expect(groupByDay(rows, NOW).map((group) => [group.name, group.rows.map((each) => each.id)])).toEqual([
    ["Today", ["newest", "oldest"]],
    ["Yesterday", ["before the step"]],
  ]);
});
