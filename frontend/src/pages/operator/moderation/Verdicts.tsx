/** What the filter warned of or blocked. */
import { ShieldCheck } from "lucide-react";
import { useModeration } from "../../../api/queries";
import { ago, figure, words } from "../../../format";
import { Cell, Empty, More, Read, State, Table } from "../Parts";

export function Verdicts() {
  const verdicts = useModeration();
  return (
    <>
      <Read query={verdicts}>
        {({ pages }) => {
          const rows = pages.flatMap((page) => page.data);
          if (rows.length === 0) return <Empty icon={ShieldCheck}>The filter has not acted on anything.</Empty>;
          return (
            <Table columns={["Action", "Whose", "Categories", "Message", "When"]}>
              {rows.map((row) => (
                <tr key={row.id}>
                  <Cell>
                    <State state={row.action} />
                  </Cell>
                  <Cell>{row.role === "user" ? "Person" : words(row.role)}</Cell>
                  <Cell className="whitespace-nowrap">
                    {row.categories.length === 0 && <span className="text-danger">Could not be checked</span>}
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
              ))}
            </Table>
          );
        }}
      </Read>
      <More query={verdicts} />
    </>
  );
}
