/** Why feedback is not learned from, and what came of iterations without a policy. */
import type { Story } from "../../../api/account";

type Reason = NonNullable<Story["reason"]>;

export const WHY_NOT: Record<Reason, string> = {
  consent: "You have not allowed training on this conversation.",
  flagged: "Moderation flagged the text that would be learned.",
  blocked: "It rests on a message that moderation blocked, or on a tool's result.",
  fragment: "The answer was stopped or broke off before its end.",
  nothing_new: "Its text is empty, or the same as the answer's.",
  report: "Operators read reports, which become test cases of new policies instead.",
  cap: "You, or all new accounts together, gave more than the share that one may teach; your newest feedback counts first.",
};

/** The same in a few words, after a number. */
export const BRIEFLY: Record<Reason, string> = {
  consent: "without consent",
  flagged: "flagged",
  blocked: "on blocked messages",
  fragment: "on unfinished answers",
  nothing_new: "without a new text",
  report: "reports",
  cap: "above the limit per person",
};

export const OUTCOMES: Record<string, string> = { queued: "waiting", running: "still running", failed: "failed", cancelled: "cancelled" };
