/** What became of the user's feedback, reports and appeals. */
import { useMutation } from "@tanstack/react-query";
import clsx from "clsx";
import { Inbox } from "lucide-react";
import { Link } from "react-router";
import { inbox, useInbox, type News } from "../../api/account";
import { useRefresh } from "../../api/queries";
import { Badge } from "../../components/Badge";
import { Button } from "../../components/Button";
import { EmptyState } from "../../components/feedback/EmptyState";
import { ErrorMessage } from "../../components/feedback/ErrorMessage";
import { LoadMore, QueryResult } from "../../components/feedback/QueryResult";
import { Markdown } from "../../components/markdown/Markdown";
import { PageHeading } from "../../components/PageHeading";
import { ago } from "../../format";
import { t } from "../../i18n";
import { MailCard } from "./MailCard";

const LINK = "font-medium text-accent-ink underline underline-offset-4";

export function InboxTab() {
  const query = useInbox();
  const refresh = useRefresh();
  const rows = query.data?.pages.flatMap((page) => page.data) ?? [];
  const read = useMutation({ mutationFn: () => inbox.read(rows[0]!.id), onSuccess: () => refresh("account") });
  return (
    <>
      <PageHeading title={t("Inbox")} hint={t("What became of your feedback, your reports and your appeals.")}>
        {rows.some((row) => row.read_at === null) && (
          <Button small disabled={read.isPending} onClick={() => read.mutate()}>
            {t("Mark all as read")}
          </Button>
        )}
      </PageHeading>
      <ErrorMessage error={read.error} className="mb-4" />
      <MailCard />
      <QueryResult query={query}>
        {() =>
          rows.length === 0 ? (
            <EmptyState icon={Inbox}>{t("Nothing yet. You are told here when a policy learns from your feedback, or when a report is decided.")}</EmptyState>
          ) : (
            <ul className="space-y-3">
              {rows.map((news) => (
                <li
                  key={news.id}
                  className={clsx("rounded-2xl border bg-surface p-4 text-sm", news.read_at === null ? "border-accent" : "border-line")}
                >
                  <p className="mb-1.5 flex items-center gap-2 text-[13px] text-muted">
                    {news.read_at === null && <Badge tone="accent">{t("New")}</Badge>}
                    {ago(news.created_at)}
                  </p>
                  <Told news={news} />
                </li>
              ))}
            </ul>
          )
        }
      </QueryResult>
      <LoadMore query={query} />
    </>
  );
}

interface Details {
  policy_id?: string;
  trained?: number;
  measured?: number;
  state?: string;
  answer?: string;
  again?: { policy_id: string; content: string; fails: boolean; blocked: boolean } | null;
}

const DECIDED: Record<string, string> = {
  accepted: t("Your report was accepted: later policies are tested against it."),
  dismissed: t("Your report was dismissed."),
  duplicate: t("Your report was closed: another one says the same."),
  upheld: t("Your appeal was decided: the filter was right."),
  overturned: t("Your appeal was decided: the filter was wrong."),
};

function Told({ news: { kind, subject, conversation_id, details } }: { news: News }) {
  const { policy_id, trained = 0, measured = 0, state = "", answer, again } = details as Details;
  const told = { policy: policy_id ?? "", judgements: t("{{count}} judgements", { count: trained }), iteration: subject };
  if (kind === "taught")
    return (
      <p>
        {measured > 0
          ? t("{{policy}} learned from {{judgements}} of yours and was measured with {{measured}} more, in {{iteration}}.", { ...told, measured })
          : t("{{policy}} learned from {{judgements}} of yours, in {{iteration}}.", told)}{" "}
        <Link to={`/account/feedback?iteration=${subject}`} className={LINK}>
          {t("What you taught")}
        </Link>
      </p>
    );
  return (
    <>
      <p>
        {DECIDED[state]}{" "}
        {conversation_id && (
          <Link to={`/c/${conversation_id}`} className={LINK}>
            {t("Open in chat")}
          </Link>
        )}
      </p>
      {answer && <p className="mt-2 border-s-2 border-line-strong ps-4 wrap-anywhere whitespace-pre-wrap">{answer}</p>}
      {again && (
        <div className="mt-3 rounded-xl border border-line bg-canvas p-4">
          <p className="mb-2 text-xs font-medium text-muted">
            {again.blocked
              ? t("{{policy}} answers your prompt so, and moderation cut it off", { policy: again.policy_id })
              : t("{{policy}} answers your prompt so", { policy: again.policy_id })}
          </p>
          <Markdown text={again.content} />
        </div>
      )}
    </>
  );
}
