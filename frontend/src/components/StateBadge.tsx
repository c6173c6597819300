/** The state of an iteration, policy, report or message as a badge. */
import { words } from "../format";
import { t } from "../i18n";
import { Badge, type Tone } from "./Badge";

const STATE_TONES: Record<string, Tone> = {
  queued: "warn",
  running: "accent",
  promoted: "good",
  refused: "warn",
  undecided: "accent",
  rolled_back: "warn",
  stopped: "plain",
  duplicate: "plain",
  failed: "danger",
  current: "good",
  canary: "accent",
  candidate: "accent",
  rejected: "warn",
  open: "warn",
  accepted: "good",
  block: "danger",
  warn: "warn",
};

/** States whose name in the database differs from the word for it. */
const STATE_WORDS: Record<string, string> = {
  promoted: t("Accepted"),
  warn: t("Warned"),
  block: t("Blocked"),
};

export function StateBadge({ state }: { state: string }) {
  return (
    <Badge tone={STATE_TONES[state] ?? "plain"} pulse={state === "running"}>
      {STATE_WORDS[state] ?? words(state)}
    </Badge>
  );
}
