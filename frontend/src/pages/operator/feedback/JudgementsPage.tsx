/** The judgements that a number counts. */
import { Flag } from "lucide-react";
import { useSearchParams } from "react-router";
import { useJudgements, type JudgementKind } from "../../../api/traffic";
import { Badge } from "../../../components/Badge";
import { ago, counted, span, words } from "../../../format";
import { Back, Cell, Heading, Rows } from "../Parts";

export function JudgementsPage() {
  const [search] = useSearchParams();
  const kind = (search.get("kind") ?? undefined) as JudgementKind | undefined;
  const policy_id = search.get("policy") ?? undefined;
  const author_id = search.get("author") ?? undefined;
  const hours = Number(search.get("hours")) || undefined;
  const judgements = useJudgements({ kind, policy_id, author_id, hours });
  const about = [
    kind && words(kind).toLowerCase(),
    policy_id && `on answers from ${policy_id}`,
    author_id && `by ${author_id}`,
    hours && `in the last ${span(hours)}`,
  ]
    .filter(Boolean)
    .join(" ");
  return (
    <>
      <Back to="/operator/feedback">Feedback</Back>
      <Heading
        title="Feedback entries"
        hint={`Newest first${about && `: ${about}`}. Content is shown only if its conversation allows training. A newer entry replaces an older one by the same user on the same answer.`}
      />
      <Rows query={judgements} columns={["Time", "Kind", "Policy", "User", "Content"]} icon={Flag} none="No entries.">
        {(row) => (
          <tr key={row.id}>
            <Cell className="whitespace-nowrap text-muted">{ago(row.created_at)}</Cell>
            <Cell>
              <Badge tone={row.kind === "withdrawal" ? "warn" : "plain"}>{words(row.kind)}</Badge>
            </Cell>
            <Cell className="whitespace-nowrap">{row.policy_id ?? "–"}</Cell>
            <Cell className="max-w-40 truncate font-mono text-xs text-muted">{row.author_id}</Cell>
            <Cell className="min-w-56 text-[13px]">{row.value ? <Said value={row.value} /> : <span className="text-muted">private (training not allowed)</span>}</Cell>
          </tr>
        )}
      </Rows>
    </>
  );
}

function Said({ value }: { value: Record<string, unknown> }) {
  const { value: thumb, ranking, text, category, comment, reasons } = value;
  if (Array.isArray(ranking)) return <span>{counted(ranking.flat().length, "answer")} in {counted(ranking.length, "rank")}</span>;
  const parts = [thumb, category, ...(Array.isArray(reasons) ? reasons : []), comment, text];
  return <span className="line-clamp-2">{parts.filter((part) => typeof part === "string" && part !== "").join(" · ") || "–"}</span>;
}
