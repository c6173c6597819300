/** Messages the filter flagged or blocked. */
import { ShieldCheck } from "lucide-react";
import { useModeration } from "../../../api/queries";
import { ago, figure, words } from "../../../format";
import { StateBadge } from "../../../components/StateBadge";
import { Cell, PagedTable } from "../../../components/Table";
import { t } from "../../../i18n";

export function FlaggedMessages() {
  const verdicts = useModeration();
  return (
    <>
      <PagedTable query={verdicts} columns={[t("Action"), t("Author"), t("Categories"), t("Message"), t("Time")]} icon={ShieldCheck} none={t("No flagged or blocked messages.")}>
        {(row) => (
          <tr key={row.id}>
            <Cell>
              <StateBadge state={row.action} />
            </Cell>
            <Cell>{row.role === "user" ? t("User") : words(row.role)}</Cell>
            <Cell className="whitespace-nowrap">
              {row.categories.length === 0 && <span className="text-danger">{t("Could not be checked")}</span>}
              {row.categories.map((category) => (
                <span key={category} className="block">
                  {category} <span className="text-muted tabular-nums">{figure(row.scores[category] ?? 0)}</span>
                </span>
              ))}
            </Cell>
            <Cell className="max-w-md min-w-56 text-muted">
              <span className="line-clamp-2">{row.excerpt}</span>
            </Cell>
            <Cell className="whitespace-nowrap text-muted">{ago(row.created_at)}</Cell>
          </tr>
        )}
      </PagedTable>
    </>
  );
}
