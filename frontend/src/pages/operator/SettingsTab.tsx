/** The current settings and their sources. */
import { useSettings } from "../../api/account";
import { Badge } from "../../components/Badge";
import { words } from "../../format";
import { PageHeading } from "../../components/PageHeading";
import { QueryResult } from "../../components/feedback/QueryResult";
import { Cell, Table } from "../../components/Table";

export function SettingsTab() {
  const query = useSettings();
  return (
    <>
      <PageHeading
        title="Settings"
        hint="Deployment settings of this process. They are set with environment variables and take effect after a restart. Training settings belong to each iteration."
      />
      <QueryResult query={query}>
        {({ data }) => (
          <Table columns={["Setting", "Value", "Source", "Description"]}>
            {data.map((row) => (
              <tr key={row.name}>
                <Cell className="font-mono text-xs whitespace-nowrap">TUTELAGE_{row.name.toUpperCase()}</Cell>
                <Cell className="max-w-64 break-words">{shown(row.value)}</Cell>
                <Cell>
                  <Badge tone={row.source === "default" ? "plain" : "accent"}>
                    {words(row.source)}
                  </Badge>
                </Cell>
                <Cell className="text-muted">
                  {row.about}
                  {row.source !== "default" && <span className="block text-xs">Default: {shown(row.default)}</span>}
                </Cell>
              </tr>
            ))}
          </Table>
        )}
      </QueryResult>
    </>
  );
}

function shown(value: unknown): string {
  if (typeof value === "boolean") return value ? "on" : "off";
  return value === "" || value === null ? "—" : String(value);
}
