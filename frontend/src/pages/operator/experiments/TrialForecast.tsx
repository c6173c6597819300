/** How long a canary would take, by how many users truly prefer the policy. */
import { useForecast, type Forecast } from "../../../api/experiments";
import { Cell, Table } from "../../../components/Table";
import { figure } from "../../../format";
import { t } from "../../../i18n";

const DAYS = 14; // what an experiment lasts at most unless its rules say otherwise

export function TrialForecast({ teamId }: { teamId?: string }) {
  const { data } = useForecast(DAYS, teamId);
  if (!data) return null;
  return (
    <div className="space-y-2 text-[13px] text-muted">
      <p>{introduction(data)}</p>
      {data.by_lead.length > 0 && (
        <Table columns={[t("Truly preferred by"), t("Promoted within {{days}} days", { days: DAYS }), t("Days on average")]}>
          {data.by_lead.map(({ lead, promoted, days }) => (
            <tr key={lead}>
              <Cell className="tabular-nums">{percent(0.5 + lead)}</Cell>
              <Cell className="tabular-nums">{percent(promoted)}</Cell>
              <Cell className="tabular-nums">{figure(days)}</Cell>
            </tr>
          ))}
        </Table>
      )}
    </div>
  );
}

/** What the forecast rests on, or why there is none. */
export function introduction({ people, comparisons, by_lead }: Forecast): string {
  const lately = t("{{users}} compared answers in the last 14 days", { users: t("{{count}} users", { count: people }) });
  if (by_lead.length === 0)
    return t("{{lately}}. A decision needs comparisons by at least 20 users: expect this experiment to end undecided.", { lately });
  return t("{{lately}}, {{comparisons}} times a day each. The policy is promoted if their comparisons prefer it significantly at a daily look.", { lately, comparisons });
}

const percent = (share: number): string => `${Math.round(share * 100)}%`;
