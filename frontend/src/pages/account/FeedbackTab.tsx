/** The user's feedback, the iterations that used it, and the button to withdraw it. */
import { useMutation } from "@tanstack/react-query";
import { ArrowRight, MessageSquareHeart, RefreshCcwDot, Sparkles } from "lucide-react";
import { useState } from "react";
import { Link } from "react-router";
import { useMyFeedback, type Story } from "../../api/account";
import { feedback, streamChat } from "../../api/client";
import { useRefresh } from "../../api/queries";
import { readEvents } from "../../api/sse";
import type { Chunk } from "../../api/types";
import { Badge } from "../../components/Badge";
import { Button } from "../../components/Button";
import { Confirm } from "../../components/Dialog";
import { Markdown } from "../../components/markdown/Markdown";
import { ErrorMessage } from "../../components/feedback/ErrorMessage";
import { ago, words } from "../../format";
import { Card } from "../../components/Card";
import { EmptyState } from "../../components/feedback/EmptyState";
import { PageHeading } from "../../components/PageHeading";
import { LoadMore, QueryResult } from "../../components/feedback/QueryResult";

export function FeedbackTab() {
  const query = useMyFeedback();
  return (
    <>
      <PageHeading title="My feedback" hint="Your ratings, which iterations used them for training, and how the current model answers now." />
      <QueryResult query={query}>
        {({ pages }) => {
          const rows = pages.flatMap((page) => page.data);
          if (rows.length === 0)
            return <EmptyState icon={MessageSquareHeart}>No feedback yet. Start by rating an answer with thumbs up or down.</EmptyState>;
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
        <span className="ml-auto flex gap-2">
          <Link
            to={`/c/${story.conversation_id}`}
            className="inline-flex h-8 items-center rounded-lg border border-line-strong px-2.5 text-[13px] font-medium hover:bg-panel"
          >
            Open in chat
          </Link>
          <Button small onClick={() => setLeaving(true)}>
            Withdraw
          </Button>
        </span>
      </div>
      <blockquote className="mt-3 space-y-2 border-l-2 border-line-strong pl-4 text-sm text-muted">
        <p className="line-clamp-2">
          <span className="font-medium text-ink">Prompt</span> {story.prompt}
        </p>
        <p className="line-clamp-3">
          <span className="font-medium text-ink">{story.kind === "ranking" ? "Ranked first" : "Answer"}</span> {story.answer}
        </p>
        {typeof story.value.text === "string" && (
          <p className="line-clamp-3">
            <span className="font-medium text-ink">Your version</span> {story.value.text}
          </p>
        )}
        {typeof story.value.comment === "string" && story.value.comment !== "" && <p>“{story.value.comment}”</p>}
      </blockquote>
      <UsedIn story={story} />
      <Confirm
        open={leaving}
        onClose={() => setLeaving(false)}
        title="Withdraw this feedback?"
        action="Withdraw"
        onConfirm={async () => {
          await feedback.withdraw(story.id);
          await refresh("account");
          void refresh("conversation");
        }}
      >
        Later iterations will not use it. Policies already trained on it are not changed.
      </Confirm>
    </Card>
  );
}

function kindLabel(story: Story): string {
  if (story.kind === "thumbs") return story.value.value === "up" ? "Good answer" : "Bad answer";
  return { ranking: "Ranking", edit: "Better answer", report: "Report", demonstration: "Demonstration" }[story.kind as string] ?? words(story.kind);
}

/** Of an iteration that has no policy. */
const OUTCOMES: Record<string, string> = { queued: "waiting", running: "still running", failed: "failed", cancelled: "cancelled" };

function UsedIn({ story }: { story: Story }) {
  if (!story.training)
    return <p className="mt-3 text-[13px] text-muted">Not used: you have not allowed training on this conversation.</p>;
  if (story.kind === "report")
    return <p className="mt-3 text-[13px] text-muted">Read by operators. Reports become test cases; training does not use them directly.</p>;
  if (story.learned_by.length === 0)
    return <p className="mt-3 text-[13px] text-muted">Not used yet. The next iteration can use it.</p>;
  return (
    <div className="mt-3">
      <p className="flex flex-wrap items-center gap-1.5 text-[13px]">
        <RefreshCcwDot aria-hidden className="size-4 text-accent-ink" />
        Used in
        {story.learned_by.map(({ iteration_id, policy_id, state }) => (
          <Badge key={iteration_id} tone={state === "current" ? "good" : "plain"}>
            {iteration_id} <ArrowRight aria-hidden className="size-3" /> {policy_id ?? OUTCOMES[state ?? ""] ?? "no policy"}
            {state === "current" && " (current)"}
          </Badge>
        ))}
      </p>
      {story.prompt_id && <AskAgain story={story} />}
    </div>
  );
}

function AskAgain({ story }: { story: Story }) {
  const [answer, setAnswer] = useState("");
  const [policy, setPolicy] = useState("");
  const ask = useMutation({
    mutationFn: async () => {
      setAnswer("");
      const request = { model: "tutelage", messages: [], n: 1, conversation_id: story.conversation_id, parent_id: story.prompt_id };
      const body = await streamChat(request, { training: null, signal: new AbortController().signal });
      for await (const event of readEvents(body)) {
        if (event === "[DONE]") break;
        const chunk = JSON.parse(event) as Chunk;
        if (chunk.error) throw new Error(chunk.error.message);
        if (chunk.system_fingerprint) setPolicy(chunk.system_fingerprint);
        setAnswer((before) => before + (chunk.choices?.[0]?.delta.content ?? ""));
      }
    },
  });
  return (
    <div className="mt-3">
      <Button small icon={Sparkles} disabled={ask.isPending} onClick={() => ask.mutate()}>
        {answer ? "Ask again" : "Ask the current model again"}
      </Button>
      <ErrorMessage error={ask.error} className="mt-3" />
      {answer && (
        <div className="mt-3 rounded-xl border border-line bg-canvas p-4 text-sm" aria-label="New answer" role="region">
          <p className="mb-2 text-xs font-medium text-muted">Answer from {policy}</p>
          <Markdown text={answer} streaming={ask.isPending} />
          <p className="mt-2 text-xs text-muted">Saved in the conversation as a new branch that you can rate.</p>
        </div>
      )}
    </div>
  );
}
