/** A summary of retrained heads in words. */
import type { LearnedHeads } from "../../../api/types";
import { t } from "../../../i18n";

/** What the figures mean, in a sentence. */
export function advice({ agreement, written }: Pick<LearnedHeads, "agreement" | "written">): string {
  if (written.after.everyday > written.before.everyday) return t("It flags more everyday texts than the default filter. Do not activate it.");
  if (agreement.after === null) return t("All decisions come from one conversation, so its effect on others cannot be measured yet.");
  if (agreement.after < agreement.before) return t("On held-out decisions it does worse than the default filter. Do not activate it.");
  if (agreement.after === agreement.before) return t("On held-out decisions it does no better than the default filter. Decide more appeals and retrain.");
  return t("On held-out decisions it does better than the default filter.");
}
