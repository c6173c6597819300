/** The settings in force: those that operators save here, and those that are set at the start. */
import { Link } from "react-router";
import { useSettings, type Setting } from "../../../api/account";
import { Badge } from "../../../components/Badge";
import { Card } from "../../../components/Card";
import { PageHeading } from "../../../components/PageHeading";
import { QueryResult } from "../../../components/feedback/QueryResult";
import { Cell, Table } from "../../../components/Table";
import { Trans, t } from "../../../i18n";
import { SettingEditor } from "./SettingEditor";
import { GROUPS, aboutOf, shown, sourceLabel } from "./settings";

export function SettingsTab() {
  const query = useSettings();
  return (
    <>
      <PageHeading title={t("Settings")} hint={<Hint />} />
      <QueryResult query={query}>
        {({ data }) => (
          <>
            <div className="space-y-4">
              {GROUPS.map(({ title, names }) => (
                <Card key={title} title={title}>
                  <ul className="divide-y divide-line">
                    {names.flatMap((name) => data.filter((row) => row.name === name)).map((row) => (
                      <SettingEditor key={row.name} setting={row} />
                    ))}
                  </ul>
                </Card>
              ))}
            </div>
            <FixedSettings settings={data.filter((row) => !row.editable)} />
          </>
        )}
      </QueryResult>
    </>
  );
}

const LINK = "underline decoration-line-strong decoration-1 underline-offset-4 hover:decoration-accent";

function Hint() {
  return (
    <>
      <Trans i18nKey="Settings that are saved here apply to all processes and are in the audit log. An environment variable comes first. When iterations start, and how many old policies are kept, is set with <a>the schedule</a>; training settings belong to each iteration." components={{ a: <Link to="/operator/trials" className={LINK} /> }} />
    </>
  );
}

function FixedSettings({ settings }: { settings: Setting[] }) {
  return (
    <section aria-labelledby="fixed" className="mt-8">
      <h2 id="fixed" className="mb-1 text-lg font-semibold tracking-tight">
        {t("Set at the start")}
      </h2>
      <p className="mb-3 max-w-2xl text-sm text-muted">{t("Environment variables of this process; a change takes effect after a restart.")}</p>
      <Table columns={[t("Setting"), t("Value"), t("Source"), t("Description")]}>
        {settings.map((row) => (
          <tr key={row.name}>
            <Cell className="font-mono text-xs whitespace-nowrap">TUTELAGE_{row.name.toUpperCase()}</Cell>
            <Cell className="max-w-64 break-words"><bdi>{shown(row.value)}</bdi></Cell>
            <Cell>
              <Badge tone={row.source === "default" ? "plain" : "accent"}>{sourceLabel(row.source)}</Badge>
            </Cell>
            <Cell className="text-muted">
              {aboutOf(row)}
              {row.source !== "default" && <span className="block text-xs">{t("Default: {{shown}}", { shown: shown(row.default) })}</span>}
            </Cell>
          </tr>
        ))}
      </Table>
    </section>
  );
}
