/** The hash-chained log of privileged actions. */
import { ClipboardList } from "lucide-react";
import { useAudit } from "../../api/queries";
import { time } from "../../format";
import { PageHeading } from "../../components/PageHeading";
import { Cell, PagedTable } from "../../components/Table";
import { Trans, t } from "../../i18n";

export function AuditTab() {
  const audit = useAudit();
  return (
    <>
      <PageHeading
        title={t("Audit")}
        hint={
          <>
            <Trans i18nKey="Hash-chained log of privileged actions. <code>tutelage audit verify</code> checks the chain." components={{ code: <code className="font-mono" /> }} />
          </>
        }
      />
      <PagedTable query={audit} columns={["#", t("Time"), t("Actor"), t("Action"), t("Target"), t("Details")]} icon={ClipboardList} none={t("No entries yet.")}>
        {(event) => (
          <tr key={event.seq}>
            <Cell className="text-muted tabular-nums">{event.seq}</Cell>
            <Cell className="whitespace-nowrap text-muted">{time(event.at)}</Cell>
            <Cell className="max-w-44 truncate"><span title={event.actor}>{event.actor_name ?? event.actor}</span></Cell>
            <Cell className="font-medium whitespace-nowrap">{event.action}</Cell>
            <Cell className="max-w-56 truncate"><span title={event.subject}>{event.subject_name ?? event.subject}</span></Cell>
            <Cell className="max-w-72 font-mono text-xs text-muted">
              <span className="line-clamp-2 break-all">{details(event.details)}</span>
            </Cell>
          </tr>
        )}
      </PagedTable>
    </>
  );
}

function details(values: Record<string, unknown>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(" ");
}
