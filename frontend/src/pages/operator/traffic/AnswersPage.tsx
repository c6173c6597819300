/** The answers behind a count. */
import { MessageSquare } from "lucide-react";
import { Link, useSearchParams } from "react-router";
import { useAnswers, type AnswerKind } from "../../../api/traffic";
import { ago, figure, inTheLast, words } from "../../../format";
import { BackLink, PageHeading } from "../../../components/PageHeading";
import { StateBadge } from "../../../components/StateBadge";
import { Cell, PagedTable } from "../../../components/Table";
import { t } from "../../../i18n";
import { latency } from "./TrafficTab";

const TITLES: Record<AnswerKind, string> = {
  all: t("Answers"),
  flagged: t("Flagged answers"),
  failed: t("Interrupted answers"),
  regenerated: t("Regenerated answers"),
};

export function AnswersPage() {
  const [search] = useSearchParams();
  const kind = (search.get("kind") ?? "all") as AnswerKind;
  const hours = Number(search.get("hours") ?? 24);
  const policy_id = search.get("policy") ?? undefined;
  const answers = useAnswers({ hours, kind, policy_id });
  return (
    <>
      <BackLink to="/operator/traffic">{t("Traffic")}</BackLink>
      <PageHeading
        title={TITLES[kind] ?? TITLES.all}
        hint={policy_id
            ? t("In chats by {{policy}}, {{when}}, newest first. Content is shown only if the conversation allows training.", { policy: policy_id, when: inTheLast(hours) })
            : t("In chats, {{when}}, newest first. Content is shown only if the conversation allows training.", { when: inTheLast(hours) })}
      />
      <PagedTable query={answers} columns={[t("Time"), t("Policy"), t("Tokens"), t("First token"), t("Total time"), t("Finish reason"), t("Moderation"), t("Answer")]} icon={MessageSquare} none={t("No answers in this period.")}>
        {(row) => (
          <tr key={row.id}>
            <Cell className="whitespace-nowrap text-muted">{ago(row.at)}</Cell>
            <Cell className="whitespace-nowrap">
              {row.policy_id ? (
                <Link to={`/operator/policies/${row.policy_id}`} className="underline-offset-4 hover:underline">
                  {row.policy_id}
                </Link>
              ) : (
                <span className="text-muted">{t("not called")}</span>
              )}
            </Cell>
            <Cell className="whitespace-nowrap tabular-nums">{figure(row.tokens)}</Cell>
            <Cell className="whitespace-nowrap tabular-nums">{row.first_text_seconds === null ? "–" : latency(row.first_text_seconds)}</Cell>
            <Cell className="whitespace-nowrap tabular-nums">{row.seconds === null ? "–" : latency(row.seconds)}</Cell>
            <Cell>{words(row.finish_reason ?? "–")}</Cell>
            <Cell>{row.action === "warn" || row.action === "block" ? <StateBadge state={row.action} /> : <span className="text-muted">–</span>}</Cell>
            <Cell className="min-w-56 text-[13px] text-muted">
              <span className="line-clamp-2">{row.excerpt ?? t("private (training not allowed)")}</span>
            </Cell>
          </tr>
        )}
      </PagedTable>
    </>
  );
}
