/** Groups conversations by when they were last used. */
import type { ConversationRow } from "../../../api/types";
import { t } from "../../../i18n";

const DAY_MS = 86_400_000;

export interface Group {
  name: string;
  rows: ConversationRow[];
}

function nameOf(updated: number, now: Date): string {
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate()).getTime();
  const days = Math.ceil((midnight - updated * 1000) / DAY_MS);
  if (days <= 0) return t("Today");
  if (days === 1) return t("Yesterday");
  if (days <= 7) return t("Previous 7 days");
  if (days <= 30) return t("Previous 30 days");
  return t("Older");
}

/** Rows keep their order; a group has one heading, also where a clock was set back between two rows. */
export function groupByDay(rows: readonly ConversationRow[], now = new Date()): Group[] {
  const groups: Group[] = [];
  for (const row of rows) {
    const name = nameOf(row.updated_at, now);
    const group = groups.find((each) => each.name === name);
    if (group) group.rows.push(row);
    else groups.push({ name, rows: [row] });
  }
  return groups;
}
