/** What the filter warned of or blocked. */
import { ShieldCheck } from "lucide-react";
import { useModeration } from "../../api/queries";
import { ago, figure, words } from "../../format";
import { Cell, Empty, Heading, More, Read, State, Table } from "./Parts";

export function ModerationTab() {
  const verdicts = useModeration();
  return (
    <>
      <Heading title="Moderation" hint="Messages that the filter acted on. What it withheld is not stored." />
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
