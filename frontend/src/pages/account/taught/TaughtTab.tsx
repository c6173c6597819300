/** What the user taught: by iteration, and each judgement with what was made of it; all can be withdrawn. */
import { ArrowRight, MessageSquareHeart, RefreshCcwDot } from "lucide-react";
import { useState } from "react";
import { Link, useSearchParams } from "react-router";
import { useMyFeedback, type Story } from "../../../api/account";
import { feedback } from "../../../api/client";
import { useRefresh } from "../../../api/queries";
import { Badge } from "../../../components/Badge";
import { Button } from "../../../components/Button";
import { Card } from "../../../components/Card";
import { Confirm } from "../../../components/Dialog";
import { EmptyState } from "../../../components/feedback/EmptyState";
import { LoadMore, QueryResult } from "../../../components/feedback/QueryResult";
import { PageHeading } from "../../../components/PageHeading";
import { ago, words } from "../../../format";
import { t } from "../../../i18n";
import { AskAgain } from "./AskAgain";
import { Iterations } from "./Iterations";
import { OUTCOMES, WHY_NOT } from "./reasons";

export function TaughtTab() {
  const [params] = useSearchParams();
  const iteration = params.get("iteration");
  const query = useMyFeedback(iteration);
  return (
    <>
      <PageHeading
        title={t("What you taught")}
        hint={t("Your feedback, what each iteration made of it, and how the model answers since. You can withdraw any of it.")}
      />
      <Iterations chosen={iteration} />
      <QueryResult query={query}>
        {({ pages }) => {
          const rows = pages.flatMap((page) => page.data);
          if (rows.length === 0)
            return <EmptyState icon={MessageSquareHeart}>{iteration ? t("None of your feedback from before this iteration stands.") : t("No feedback yet. Start by rating an answer with thumbs up or down.")}</EmptyState>;
          return (
            <ul className="space-y-3">
              {rows.map((story) => (
                <li key={story.id}>
                  <StoryCard story={story} />
                </li>
              ))}
            </ul>
          );
        }}
      </QueryResult>
      <LoadMore query={query} />
    </>
  );
}

function StoryCard({ story }: { story: Story }) {
  const refresh = useRefresh();
  const [leaving, setLeaving] = useState(false);
  return (
    <Card>
      <div className="flex flex-wrap items-center gap-2 text-sm">
        <Badge tone={story.value.value === "down" || story.kind === "report" ? "warn" : "accent"}>{kindLabel(story)}</Badge>
        <span className="text-[13px] text-muted">
          {ago(story.created_at)}
          {story.policy_id && ` · ${story.policy_id}`}
        </span>
        <span className="ms-auto flex gap-2">
          <Link
            to={`/c/${story.conversation_id}`}
            className="inline-flex h-8 items-center rounded-lg border border-line-strong px-2.5 text-[13px] font-medium hover:bg-panel"
          >
            {t("Open in chat")}
          </Link>
          <Button small onClick={() => setLeaving(true)}>
            {t("Withdraw")}
          </Button>
        </span>
      </div>
      <blockquote className="mt-3 space-y-2 border-s-2 border-line-strong ps-4 text-sm text-muted">
        <p className="line-clamp-2">
          <span className="font-medium text-ink">{t("Prompt")}</span> {story.prompt}
        </p>
        <p className="line-clamp-3">
          <span className="font-medium text-ink">{story.kind === "ranking" ? t("Ranked first") : t("Answer")}</span> {story.answer}
        </p>
        {typeof story.value.text === "string" && (
          <p className="line-clamp-3">
            <span className="font-medium text-ink">{t("Your version")}</span> {story.value.text}
          </p>
        )}
        {typeof story.value.comment === "string" && story.value.comment !== "" && <p>“{story.value.comment}”</p>}
      </blockquote>
      <UsedIn story={story} />
      <Confirm
        open={leaving}
        onClose={() => setLeaving(false)}
        title={t("Withdraw this feedback?")}
        action={t("Withdraw")}
        onConfirm={async () => {
          await feedback.withdraw(story.id);
          await refresh("account");
          void refresh("conversation");
        }}
      >
        {t("Later iterations will not use it. Policies already trained on it are not changed.")}
      </Confirm>
    </Card>
  );
}

function kindLabel(story: Story): string {
  if (story.kind === "thumbs") return story.value.value === "up" ? t("Good answer") : t("Bad answer");
  return { ranking: t("Ranking"), edit: t("Better answer"), report: t("Report"), demonstration: t("Demonstration") }[story.kind as string] ?? words(story.kind);
}

function UsedIn({ story }: { story: Story }) {
  const skipped = story.left_out.at(-1);
  return (
    <div className="mt-3 space-y-1.5 text-[13px]">
      {story.learned_by.length > 0 && (
        <p className="flex flex-wrap items-center gap-1.5">
          <RefreshCcwDot aria-hidden className="size-4 text-accent-ink" />
          {t("Used in")}
          {story.learned_by.map(({ iteration_id, policy_id, state, measured }) => (
            <Badge key={iteration_id} tone={state === "current" ? "good" : "plain"}>
              {iteration_id} <ArrowRight aria-hidden className="size-3" /> {policy_id ?? OUTCOMES[state ?? ""] ?? t("no policy")}
              {state === "current" && ` (${t("current")})`}
              {measured && ` · ${t("to measure, not to train")}`}
            </Badge>
          ))}
        </p>
      )}
      {skipped && story.learned_by.length === 0 && (
        <p className="text-muted">
          {t("{{iterationId}} did not use it. {{whyNot}}", { iterationId: skipped.iteration_id, whyNot: WHY_NOT[skipped.reason] })}
        </p>
      )}
      {story.reason && story.reason !== skipped?.reason && <p className="text-muted">{t("Not used from now on. {{whyNot}}", { whyNot: WHY_NOT[story.reason] })}</p>}
      {!story.reason && !skipped && story.learned_by.length === 0 && (
        <p className="text-muted">{t("Not used yet. The next iteration can use it.")}</p>
      )}
      {story.prompt_id && story.policy_id && <AskAgain story={story} />}
    </div>
  );
}
