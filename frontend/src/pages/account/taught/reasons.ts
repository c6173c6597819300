/** Why feedback is not learned from, and what came of iterations without a policy. */
import type { Story } from "../../../api/account";
import { t } from "../../../i18n";

type Reason = NonNullable<Story["reason"]>;

export const WHY_NOT: Record<Reason, string> = {
  consent: t("You have not allowed training on this conversation."),
  flagged: t("Moderation flagged the text that would be learned."),
  blocked: t("It rests on a message that moderation blocked, or on a tool's result."),
  fragment: t("The answer was stopped or broke off before its end."),
  nothing_new: t("Its text is empty, or the same as the answer's."),
  report: t("Operators read reports, which become test cases of new policies instead."),
  cap: t("You, or all new accounts together, gave more than the share that one may teach; your newest feedback counts first."),
};

/** The same in a few words, after a number. */
export const BRIEFLY: Record<Reason, string> = {
  consent: t("without consent"),
  flagged: t("flagged"),
  blocked: t("on blocked messages"),
  fragment: t("on unfinished answers"),
  nothing_new: t("without a new text"),
  report: t("reports"),
  cap: t("above the limit per person"),
};

export const OUTCOMES: Record<string, string> = { queued: t("waiting"), running: t("still running"), failed: t("failed"), cancelled: t("cancelled") };
