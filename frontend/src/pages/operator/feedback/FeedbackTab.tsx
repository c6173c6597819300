/** What people said, by kind, and the reports that ask for a decision. */
import { Flag } from "lucide-react";
import { useReports, useSummary } from "../../../api/queries";
import type { Summary } from "../../../api/types";
import { words } from "../../../format";
import { Opinions } from "./Opinions";
import { Behind, Card, Empty, Heading, More, Read } from "../Parts";
import { ReportCard } from "../reports/ReportCard";

export function FeedbackTab() {
  const summary = useSummary();
  const reports = useReports();
  return (
    <>
      <Heading title="Feedback" hint="Active ratings and reported answers." />
      <Read query={summary}>{(data) => <Kinds summary={data} />}</Read>
      <Opinions />
      <h2 className="mt-8 mb-3 text-lg font-semibold tracking-tight">Reports</h2>
      <Read query={reports}>
        {({ pages }) => {
          const rows = pages.flatMap((page) => page.data);
          if (rows.length === 0) return <Empty icon={Flag}>No reported answers.</Empty>;
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
      {kinds.length === 0 && <p className="text-sm text-muted">No feedback yet.</p>}
      <dl className="space-y-2">
        {kinds.map(([kind, count]) => (
          <div key={kind} className="grid grid-cols-[7.5rem_1fr_3rem] items-center gap-3 text-sm">
            <dt className="text-muted">{words(kind)}</dt>
            <dd aria-hidden className="h-2 rounded-full bg-panel">
              <div className="h-full rounded-full bg-accent" style={{ width: `${(100 * count) / most}%` }} />
            </dd>
            <dd className="text-right font-medium tabular-nums">
              <Behind to={`/operator/feedback/judgements?kind=${kind}`}>{count}</Behind>
            </dd>
          </div>
        ))}
      </dl>
    </Card>
  );
}
