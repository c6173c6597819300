/** How long a canary would take, by how many users truly prefer the policy. */
import { useForecast, type Forecast } from "../../../api/experiments";
import { Cell, Table } from "../../../components/Table";
import { counted, figure } from "../../../format";

const DAYS = 14; // what an experiment lasts at most unless its rules say otherwise

export function TrialForecast() {
  const { data } = useForecast(DAYS);
  if (!data) return null;
  return (
    <div className="space-y-2 text-[13px] text-muted">
      <p>{introduction(data)}</p>
      {data.by_lead.length > 0 && (
        <Table columns={["Truly preferred by", `Promoted within ${DAYS} days`, "Days on average"]}>
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
  const lately = `${counted(people, "user")} compared answers in the last 14 days`;
  if (by_lead.length === 0)
    return `${lately}. A decision needs comparisons by at least 20 users: expect this experiment to end undecided.`;
  return `${lately}, ${figure(comparisons)} times a day each. The policy is promoted if their comparisons prefer it significantly at a daily look.`;
}

const percent = (share: number): string => `${Math.round(share * 100)}%`;
