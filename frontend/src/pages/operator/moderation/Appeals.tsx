/** The queue of appeals: read the text, decide which categories apply, reply to the user. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { Scale } from "lucide-react";
import { useState } from "react";
import { moderation } from "../../../api/client";
import { useRefresh } from "../../../api/queries";
import type { AppealCase, AppealState, Labels } from "../../../api/types";
import { Badge, type Tone } from "../../../components/Badge";
import { Button } from "../../../components/Button";
import { Chips } from "../../../components/Chips";
import { TextBox } from "../../../components/TextBox";
import { ErrorMessage } from "../../../components/feedback/ErrorMessage";
import { useToast } from "../../../components/feedback/Toast";
import { ago } from "../../../format";
import { Card } from "../../../components/Card";
import { EmptyState } from "../../../components/feedback/EmptyState";
import { LoadMore, QueryResult } from "../../../components/feedback/QueryResult";
import { t } from "../../../i18n";

const STATES = [
  { value: "open", label: t("Pending") },
  { value: "overturned", label: t("Overturned") },
  { value: "upheld", label: t("Upheld") },
];
const NOTHING: Record<AppealState, string> = {
  open: t("No pending appeals."),
  overturned: t("No overturned appeals yet."),
  upheld: t("No upheld appeals yet."),
};
const TONES: Record<AppealState, Tone> = { open: "warn", overturned: "accent", upheld: "plain" };

export function Appeals() {
  const [state, setState] = useState<AppealState>("open");
  const query = useInfiniteQuery({
    queryKey: ["operator", "appeals", state],
    queryFn: ({ pageParam }) => moderation.cases(state, pageParam || undefined),
    initialPageParam: "",
    getNextPageParam: (page) => (page.has_more ? page.data.at(-1)?.id : undefined),
  });
  return (
    <>
      <div className="mb-4">
        <Chips single label={t("State")} chips={STATES} chosen={[state]} onChange={([chosen]) => setState(chosen as AppealState)} />
      </div>
      <QueryResult query={query}>
        {({ pages }) => {
          const cases = pages.flatMap((page) => page.data);
          if (cases.length === 0) return <EmptyState icon={Scale}>{NOTHING[state]}</EmptyState>;
          return (
            <div className="space-y-3">
              {cases.map((each) => (
                <Case key={each.id} appeal={each} />
              ))}
            </div>
          );
        }}
      </QueryResult>
      <LoadMore query={query} />
    </>
  );
}

function Case({ appeal }: { appeal: AppealCase }) {
  return (
    <Card className="grid gap-x-8 gap-y-5 lg:grid-cols-[1fr_20rem]">
      <div className="min-w-0">
        <p className="mb-3 flex flex-wrap items-center gap-2 text-[13px] text-muted">
          <Badge tone={appeal.action === "block" ? "danger" : "warn"}>{appeal.action === "block" ? t("Blocked") : t("Warned")}</Badge>
          <Badge tone={TONES[appeal.state]}>{STATES.find(({ value }) => value === appeal.state)?.label}</Badge>
          {appeal.role === "assistant" ? "answer" : t("user message")} · {ago(appeal.created_at)}
        </p>
        {appeal.prompt && <Quote label={t("Prompt")} text={appeal.prompt} />}
        <Moderated appeal={appeal} />
        {appeal.comment ? <Quote label={t("Appeal")} text={appeal.comment} /> : <p className="text-sm text-faint">{t("No reason was given.")}</p>}
      </div>
      <Decision appeal={appeal} />
    </Card>
  );
}

function Quote({ label, text }: { label: string; text: string }) {
  return (
    <div className="mb-3">
      <p className="text-xs font-medium text-faint">{label}</p>
      <p className="mt-0.5 max-h-40 overflow-y-auto text-sm wrap-anywhere whitespace-pre-wrap">{text}</p>
    </div>
  );
}

function Moderated({ appeal }: { appeal: AppealCase }) {
  const characters = Array.from(appeal.text);
  const withheld = characters.slice(appeal.shown).join("");
  return (
    <div className="mb-3">
      <p className="text-xs font-medium text-faint">{appeal.role === "assistant" ? t("Answer") : t("Message")}</p>
      <p className="mt-0.5 max-h-60 overflow-y-auto rounded-xl border border-line bg-canvas px-3.5 py-2.5 text-sm wrap-anywhere whitespace-pre-wrap">
        {characters.slice(0, appeal.shown).join("")}
        {withheld && (
          <span className="text-danger" title={t("Withheld: only reviewers can see this text")}>
            {withheld}
          </span>
        )}
      </p>
      {withheld && <p className="mt-1 text-xs text-danger">{t("The text in red was not shown to the user.")}</p>}
    </div>
  );
}

function Decision({ appeal }: { appeal: AppealCase }) {
  const [holds, setHolds] = useState(appeal.categories.filter((category) => appeal.labels?.[category] !== 0));
  const [answer, setAnswer] = useState(appeal.answer);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const refresh = useRefresh();
  const toast = useToast();

  async function decide(chosen: string[]) {
    const labels: Labels = Object.fromEntries(
      appeal.categories.map((category) => [category, chosen.includes(category) ? 1 : 0]),
    );
    setBusy(true);
    setError(null);
    try {
      const { state } = await moderation.decide(appeal.id, labels, answer.trim());
      toast(state === "overturned" ? t("Appeal decided: filter overturned.") : t("Appeal decided: filter upheld."));
      await refresh("operator", "appeals");
    } catch (problem) {
      setError(problem);
    }
    setBusy(false);
  }

  return (
    <div className="min-w-0 lg:border-s lg:border-line lg:ps-6">
      <p className="mb-2 text-sm font-medium">{t("Which categories actually apply?")}</p>
      <Chips label={t("Categories that apply")} chips={appeal.categories.map((value) => ({ value, label: value }))} chosen={holds} onChange={setHolds} />
      <p className="mt-1.5 text-xs text-faint">
        {appeal.categories
          .map((category) => t("{{category}} {{scores}} (threshold {{thresholds}})", { category, scores: appeal.scores[category] ?? 0, thresholds: appeal.thresholds[category] ?? 0 }))
          .join(" · ")}
      </p>
      <TextBox label={t("Your reply")} placeholder={t("Reply to the user (optional)")} rows={2} className="mt-3" value={answer} onChange={setAnswer} />
      <ErrorMessage error={error} className="mt-3" />
      <div className="mt-3 flex flex-wrap gap-2">
        <Button small kind="primary" disabled={busy} onClick={() => void decide([])}>
          {t("Overturn")}
        </Button>
        <Button small disabled={busy || holds.length === 0} onClick={() => void decide(holds)}>
          {holds.length === appeal.categories.length ? t("Uphold") : t("Uphold only {{holds}}", { holds: holds.join(", ") })}
        </Button>
      </div>
      <p className="mt-2 text-xs text-faint">{t("Overturn means that no category applies, whatever is selected above.")}</p>
      {!appeal.training && (
        <p className="mt-3 text-xs text-faint">{t("The owner has not consented to training on this conversation. The decision takes effect but is not used for retraining.")}</p>
      )}
    </div>
  );
}
