/** The feedback entries behind a count. */
import { Flag } from "lucide-react";
import { useSearchParams } from "react-router";
import { useFeedbackEntries, type FeedbackEntryKind } from "../../../api/traffic";
import { Badge } from "../../../components/Badge";
import { ago, inTheLast, words } from "../../../format";
import { BackLink, PageHeading } from "../../../components/PageHeading";
import { Cell, PagedTable } from "../../../components/Table";
import { t } from "../../../i18n";

export function FeedbackEntriesPage() {
  const [search] = useSearchParams();
  const kind = (search.get("kind") ?? undefined) as FeedbackEntryKind | undefined;
  const policy_id = search.get("policy") ?? undefined;
  const author_id = search.get("author") ?? undefined;
  const hours = Number(search.get("hours")) || undefined;
  const judgements = useFeedbackEntries({ kind, policy_id, author_id, hours });
  const about = [
    kind && words(kind).toLowerCase(),
    policy_id && t("on answers from {{policyId}}", { policyId: policy_id }),
    author_id && t("by {{authorId}}", { authorId: author_id }),
    hours && inTheLast(hours),
  ]
    .filter(Boolean)
    .join(" ");
  return (
    <>
      <BackLink to="/operator/feedback">{t("Feedback")}</BackLink>
      <PageHeading
        title={t("Feedback entries")}
        hint={`${t("Newest first")}${about && `: ${about}`}. ${t("Content is shown only if its conversation allows training. A newer entry replaces an older one by the same user on the same answer.")}`}
      />
      <PagedTable query={judgements} columns={[t("Time"), t("Kind"), t("Policy"), t("User"), t("Content")]} icon={Flag} none={t("No entries.")}>
        {(row) => (
          <tr key={row.id}>
            <Cell className="whitespace-nowrap text-muted">{ago(row.created_at)}</Cell>
            <Cell>
              <Badge tone={row.kind === "withdrawal" ? "warn" : "plain"}>{words(row.kind)}</Badge>
              {row.moderation && <Badge tone="warn">{t("flagged")}</Badge>}
            </Cell>
            <Cell className="whitespace-nowrap">{row.policy_id ?? "–"}</Cell>
            <Cell className="max-w-40 truncate"><span title={row.author_id}>{row.author_name ?? t("erased user")}</span></Cell>
            <Cell className="min-w-56 text-[13px]">{row.value ? <EntryContent value={row.value} /> : <span className="text-muted">{t("private (training not allowed)")}</span>}</Cell>
          </tr>
        )}
      </PagedTable>
    </>
  );
}

function EntryContent({ value }: { value: Record<string, unknown> }) {
  const { value: thumb, ranking, text, category, comment, reasons } = value;
  if (Array.isArray(ranking)) return <span>{t("{{answers}} in {{ranks}}", { answers: t("{{count}} answers", { count: ranking.flat().length }), ranks: t("{{count}} ranks", { count: ranking.length }) })}</span>;
  const parts = [thumb, category, ...(Array.isArray(reasons) ? reasons : []), comment, text];
  return <span className="line-clamp-2">{parts.filter((part) => typeof part === "string" && part !== "").join(" · ") || "–"}</span>;
}
