/** The checks of the gate as a table: what was measured, the limit, and pass, ask or fail; failures first. */
import { Badge } from "../../../components/Badge";
import { Cell, Table } from "../../../components/Table";
import { figure, words } from "../../../format";
import { t } from "../../../i18n";
import { intervalText, type GateCheck } from "./evaluation";

const VERDICTS = {
  promote: { label: t("Pass"), tone: "good" },
  ask: { label: t("Unclear"), tone: "warn" },
  refuse: { label: t("Fail"), tone: "danger" },
} as const;

export function GateChecks({ checks }: { checks: GateCheck[] }) {
  return (
    <Table columns={[t("Check"), t("Result"), t("Measured (interval)"), t("Limit"), t("In words")]}>
      {checks.map(({ name, value, limit, verdict, reason }) => (
        <tr key={name}>
          <Cell className="font-medium">{words(name)}</Cell>
          <Cell>
            <Badge tone={VERDICTS[verdict].tone}>{VERDICTS[verdict].label}</Badge>
          </Cell>
          <Cell className="whitespace-nowrap tabular-nums">{intervalText(value)}</Cell>
          <Cell className="tabular-nums">{figure(limit)}</Cell>
          <Cell className="min-w-72 text-[13px] text-muted">{reason}</Cell>
        </tr>
      ))}
    </Table>
  );
}
