/** Heads that learned from appeals, in words. */
import type { LearnedHeads } from "../../../api/types";

/** What the figures come to, for who does not read tables. */
export function advice({ agreement, written }: Pick<LearnedHeads, "agreement" | "written">): string {
  if (written.after.everyday > written.before.everyday) return "It flags more everyday texts than what ships: better not put it in force.";
  if (agreement.after === null) return "All decisions are of one conversation: nobody can say yet whether it does better on others.";
  if (agreement.after < agreement.before) return "On decisions that it had not seen it does worse than what ships: better not put it in force.";
  if (agreement.after === agreement.before) return "On decisions that it had not seen it does no better yet: decide more appeals and learn again.";
  return "On decisions that it had not seen it does better than what ships.";
}
