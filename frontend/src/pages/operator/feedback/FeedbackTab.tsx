/** Feedback by kind and by policy, and the reports to review. */
import { Flag } from "lucide-react";
import { useReports, useSummary } from "../../../api/queries";
import type { Summary } from "../../../api/types";
import { words } from "../../../format";
import { t } from "../../../i18n";
import { FeedbackByPolicy } from "./FeedbackByPolicy";
import { Card } from "../../../components/Card";
import { EmptyState } from "../../../components/feedback/EmptyState";
import { PageHeading } from "../../../components/PageHeading";
import { LoadMore, QueryResult } from "../../../components/feedback/QueryResult";
import { CountLink } from "../../../components/Table";
import { ReportCard } from "../reports/ReportCard";

export function FeedbackTab() {
  const summary = useSummary();
  const reports = useReports();
  return (
    <>
      <PageHeading title={t("Feedback")} hint={t("Active ratings and reported answers.")} />
      <QueryResult query={summary}>{(data) => <FeedbackKinds summary={data} />}</QueryResult>
      <FeedbackByPolicy />
      <h2 className="mt-8 mb-3 text-lg font-semibold tracking-tight">{t("Reports")}</h2>
      <QueryResult query={reports}>
        {({ pages }) => {
          const rows = pages.flatMap((page) => page.data);
          if (rows.length === 0) return <EmptyState icon={Flag}>{t("No reported answers.")}</EmptyState>;
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
      </QueryResult>
      <LoadMore query={reports} />
    </>
  );
}

function FeedbackKinds({ summary }: { summary: Summary }) {
  const kinds = Object.entries(summary.feedback);
  const most = Math.max(1, ...kinds.map(([, count]) => count));
  return (
    <Card title={t("By kind")}>
      {kinds.length === 0 && <p className="text-sm text-muted">{t("No feedback yet.")}</p>}
      <dl className="space-y-2">
        {kinds.map(([kind, count]) => (
          <div key={kind} className="grid grid-cols-[7.5rem_1fr_3rem] items-center gap-3 text-sm">
            <dt className="text-muted">{words(kind)}</dt>
            <dd aria-hidden className="h-2 rounded-full bg-panel">
              <div className="h-full rounded-full bg-accent" style={{ width: `${(100 * count) / most}%` }} />
            </dd>
            <dd className="text-end font-medium tabular-nums">
              <CountLink to={`/operator/feedback/judgements?kind=${kind}`}>{count}</CountLink>
            </dd>
          </div>
        ))}
      </dl>
    </Card>
  );
}
