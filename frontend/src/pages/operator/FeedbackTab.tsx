/** What people said, by kind, and the reports that ask for a decision. */
import { useMutation } from "@tanstack/react-query";
import { Flag } from "lucide-react";
import { operator } from "../../api/client";
import { useRefresh, useReports, useSummary } from "../../api/queries";
import type { Report, ReportState, Summary } from "../../api/types";
import { Badge } from "../../components/Badge";
import { Button } from "../../components/Button";
import { useToast } from "../../components/Toast";
import { ago, words } from "../../format";
import { Card, Empty, Heading, More, Read, State } from "./Parts";

export function FeedbackTab() {
  const summary = useSummary();
  const reports = useReports();
  return (
    <>
      <Heading title="Feedback" hint="Judgements that stand, and the answers that people reported." />
      <Read query={summary}>{(data) => <Kinds summary={data} />}</Read>
      <h2 className="mt-8 mb-3 text-lg font-semibold tracking-tight">Reports</h2>
      <Read query={reports}>
        {({ pages }) => {
          const rows = pages.flatMap((page) => page.data);
          if (rows.length === 0) return <Empty icon={Flag}>Nobody has reported an answer.</Empty>;
          return (
            <ul className="space-y-3">
              {rows.map((report) => (
                <li key={report.id}>
                  <ReportCard report={report} />
                </li>
              ))}
            </ul>
          );
        }}
      </Read>
      <More query={reports} />
    </>
  );
}

function Kinds({ summary }: { summary: Summary }) {
  const kinds = Object.entries(summary.feedback);
  const most = Math.max(1, ...kinds.map(([, count]) => count));
  return (
    <Card title="By kind">
      {kinds.length === 0 && <p className="text-sm text-muted">Nobody has judged an answer yet.</p>}
      <dl className="space-y-2">
        {kinds.map(([kind, count]) => (
          <div key={kind} className="grid grid-cols-[7.5rem_1fr_3rem] items-center gap-3 text-sm">
            <dt className="text-muted">{words(kind)}</dt>
            <dd aria-hidden className="h-2 rounded-full bg-panel">
              <div className="h-full rounded-full bg-accent" style={{ width: `${(100 * count) / most}%` }} />
            </dd>
            <dd className="text-right font-medium tabular-nums">{count}</dd>
          </div>
        ))}
      </dl>
    </Card>
  );
}

type Decision = [ReportState, string];

const TRIAGE: Decision[] = [
  ["accepted", "Accept"],
  ["dismissed", "Dismiss"],
];
const REOPEN: Decision[] = [["open", "Open again"]];

function ReportCard({ report }: { report: Report }) {
  const refresh = useRefresh();
  const toast = useToast();
  const judge = useMutation({
    mutationFn: (state: ReportState) => operator.judgeReport(report.id, state),
    onSuccess: () => refresh("operator"),
    onError: (error) => toast(error.message),
  });
  return (
    <Card>
      <div className="flex flex-wrap items-center gap-2 text-sm">
        <State state={report.state} />
        <Badge>{words(report.category)}</Badge>
        <span className="text-[13px] text-muted">
          {ago(report.created_at)}
          {report.policy_id && ` · ${report.policy_id}`}
        </span>
        <span className="ml-auto flex gap-2">
          {(report.state === "open" ? TRIAGE : REOPEN).map(([state, label]) => (
            <Button key={state} small disabled={judge.isPending} onClick={() => judge.mutate(state)}>
              {label}
            </Button>
          ))}
        </span>
      </div>
      {report.comment && <p className="mt-3 text-sm">{report.comment}</p>}
      <blockquote className="mt-3 space-y-2 border-l-2 border-line-strong pl-4 text-sm text-muted">
        <p className="line-clamp-2">
          <span className="font-medium text-ink">Prompt</span> {report.prompt}
        </p>
        <p className="line-clamp-4">
          <span className="font-medium text-ink">Answer</span> {report.content}
        </p>
      </blockquote>
    </Card>
  );
}
