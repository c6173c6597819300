/** Datasets: imported ones, the check and import of a file, and exports. */
import { useMutation } from "@tanstack/react-query";
import { Database, Download, FileUp } from "lucide-react";
import { useState, type FormEvent } from "react";
import { datasets, useDatasets, type Dataset, type Report, type Source } from "../../../api/datasets";
import { useRefresh } from "../../../api/queries";
import { Button } from "../../../components/Button";
import { Confirm, Dialog, DialogButtons } from "../../../components/Dialog";
import { Field, Checkbox } from "../../../components/Field";
import { ErrorMessage } from "../../../components/feedback/ErrorMessage";
import { useToast } from "../../../components/feedback/Toast";
import { ago, figure } from "../../../format";
import { Card } from "../../../components/Card";
import { EmptyState } from "../../../components/feedback/EmptyState";
import { BackLink, PageHeading } from "../../../components/PageHeading";
import { QueryResult } from "../../../components/feedback/QueryResult";
import { Cell, Table } from "../../../components/Table";
import { t } from "../../../i18n";

const FORMATS: [string, string][] = [
  ["trl", t("TRL and OpenRLHF preferences")],
  ["verl", t("verl prompts")],
  ["openai", t("OpenAI messages")],
  ["oasst", t("OASST trees")],
  ["ultrafeedback", "UltraFeedback"],
  ["hh-rlhf", "hh-rlhf"],
];

export function DatasetsPage() {
  const query = useDatasets();
  const [open, setOpen] = useState(false);
  return (
    <>
      <BackLink to="/operator/labeling">{t("Labeling")}</BackLink>
      <PageHeading title={t("Datasets")} hint={t("Import external datasets, each with its licence, and export the feedback collected here.")}>
        <Button kind="primary" icon={FileUp} onClick={() => setOpen(true)}>
          {t("Import a file")}
        </Button>
      </PageHeading>
      <QueryResult query={query}>
        {({ data }) =>
          data.length === 0 ? (
            <EmptyState icon={Database}>{t("No datasets yet. A file is checked row by row before anything is imported.")}</EmptyState>
          ) : (
            <Table columns={[t("Name"), t("Format"), t("Licence"), t("Demonstrations"), t("Thumbs"), t("Rankings"), t("Imported"), t("Actions")]}>
              {data.map((row) => (
                <Row key={row.id} row={row} />
              ))}
            </Table>
          )
        }
      </QueryResult>
      <Card title={t("Export")} className="mt-6">
        <p className="mb-3 max-w-2xl text-sm text-muted">
          {t("Active feedback from conversations that allow training. Blocked content is left out, and users are not named. Each export is recorded in the audit log.")}
        </p>
        <div className="flex flex-wrap gap-2">
          {FORMATS.map(([format, label]) => (
            <a
              key={format}
              href={`/v1/operator/datasets/export?format=${format}`}
              download
              className="inline-flex h-9 items-center gap-2 rounded-lg border border-line-strong px-3 text-sm font-medium hover:bg-panel"
            >
              <Download aria-hidden className="size-4" />
              {label}
            </a>
          ))}
        </div>
      </Card>
      <Dialog open={open} onClose={() => setOpen(false)} title={t("Import a dataset")}>
        <Import onClose={() => setOpen(false)} />
      </Dialog>
    </>
  );
}

function Row({ row }: { row: Dataset }) {
  const refresh = useRefresh();
  const toast = useToast();
  const [leaving, setLeaving] = useState(false);
  return (
    <tr>
      <Cell>
        <span className="block font-medium">{row.name}</span>
        <span className="block text-xs wrap-anywhere text-muted">{row.origin}</span>
      </Cell>
      <Cell className="whitespace-nowrap">{row.format}</Cell>
      <Cell>{row.licence}</Cell>
      <Cell className="tabular-nums">{figure(row.demonstrations)}</Cell>
      <Cell className="tabular-nums">{figure(row.thumbs)}</Cell>
      <Cell className="tabular-nums">{figure(row.rankings)}</Cell>
      <Cell className="whitespace-nowrap text-muted">
        {ago(row.created_at)}
        {row.kept < row.examples && ` · ${t("{{done}} of {{all}}", { done: row.kept, all: row.examples })}`}
      </Cell>
      <Cell className="text-end">
        <Button small onClick={() => setLeaving(true)}>
          {t("Erase")}
        </Button>
        <Confirm
          open={leaving}
          onClose={() => setLeaving(false)}
          title={t("Erase {{name}}?", { name: row.name })}
          action={t("Erase")}
          onConfirm={async () => {
            const { policies } = await datasets.erase(row.id);
            toast(policies.length ? t("Erased. Affected policies: {{policies}}", { policies: policies.join(", ") }) : t("Erased. No policy was trained on it."));
            await refresh("operator");
          }}
        >
          {t("Its examples are permanently erased. Policies trained on it are not changed; they are listed as affected on the Users page.")}
        </Confirm>
      </Cell>
    </tr>
  );
}

function Import({ onClose }: { onClose: () => void }) {
  const [file, setFile] = useState<File | null>(null);
  const [source, setSource] = useState<Source>({ name: "", licence: "", origin: "", flagged: "keep" });
  const refresh = useRefresh();
  const toast = useToast();
  const check = useMutation({ mutationFn: (chosen: File) => datasets.send(chosen, null) });
  const keep = useMutation({
    mutationFn: () => datasets.send(file!, source),
    onSuccess: ({ kept }) => {
      toast(t("{{count}} examples imported.", { count: kept }));
      void refresh("operator", "datasets");
      onClose();
    },
  });
  const usable = check.data !== undefined && check.data.demonstrations + check.data.thumbs + check.data.rankings > 0;

  function submit(event: FormEvent) {
    event.preventDefault();
    keep.mutate();
  }

  return (
    <form onSubmit={submit} className="space-y-4">
      <Field
        label={t("File")}
        type="file"
        accept=".jsonl,.json,.gz,.zip"
        hint={t("A dataset, or rated chats exported from ChatGPT, open-webui, LibreChat or chat-ui: JSON, JSON Lines or a zip, up to 2 MB. For larger files use `tutelage dataset import`.")}
        onChange={(event) => {
          const chosen = event.target.files?.[0] ?? null;
          setFile(chosen);
          if (chosen) check.mutate(chosen);
        }}
      />
      {check.data && <CheckReport report={check.data} />}
      {usable && (
        <>
          <Field label={t("Name")} required value={source.name} onChange={(event) => setSource({ ...source, name: event.target.value })} />
          <Field
            label={t("Licence or basis of consent")}
            required
            value={source.licence}
            onChange={(event) => setSource({ ...source, licence: event.target.value })}
          />
          <Field label={t("Source")} value={source.origin} onChange={(event) => setSource({ ...source, origin: event.target.value })} />
          {check.data.suspects > 0 && (
            <Checkbox
              label={t("Exclude {{count}} flagged examples", { count: check.data.suspects })}
              checked={source.flagged === "exclude"}
              onChange={(out) => setSource({ ...source, flagged: out ? "exclude" : "keep" })}
            />
          )}
        </>
      )}
      <ErrorMessage error={check.error ?? keep.error} />
      <DialogButtons>
        <Button onClick={onClose}>{t("Cancel")}</Button>
        <Button type="submit" kind="primary" disabled={!usable || !source.name.trim() || !source.licence.trim() || keep.isPending}>
          {keep.isPending ? t("Importing…") : t("Import")}
        </Button>
      </DialogButtons>
    </form>
  );
}

function CheckReport({ report }: { report: Report }) {
  return (
    <div className="rounded-xl border border-line bg-panel p-4 text-sm" role="status">
      <p>
        {t("{{rows}} in {{format}} format: {{demonstrations}}, {{thumbs}}, {{rankings}} ({{comparisons}}){{duplicates}}.", { rows: t("{{count}} rows", { count: report.rows }), format: report.format, demonstrations: t("{{count}} demonstrations", { count: report.demonstrations }), thumbs: t("{{count}} thumbs", { count: report.thumbs }), rankings: t("{{count}} rankings", { count: report.rankings }), comparisons: t("{{count}} comparisons", { count: report.comparisons }), duplicates: report.duplicates > 0 ? `, ${t("{{count}} duplicates", { count: report.duplicates })}` : "" })}
      </p>
      {report.problems.length > 0 && (
        <ul className="mt-2 space-y-1 text-muted">
          {report.problems.map(({ reason, rows, count }) => (
            <li key={reason}>
              {t("{{skipped}} skipped ({{rows}}): {{reason}}", { skipped: count, rows: rowsOf(rows, count), reason })}
            </li>
          ))}
        </ul>
      )}
      <FlaggedExamples report={report} />
    </div>
  );
}

/** "rows 7, 9, …": the first of the affected rows. */
function rowsOf(rows: number[], count: number): string {
  return `${count === 1 ? t("row") : t("rows")} ${rows.join(", ")}${count > rows.length ? ", …" : ""}`;
}

/** Imported examples that moderation flags. */
function FlaggedExamples({ report }: { report: Report }) {
  if (!report.moderated) return <p className="mt-3 text-muted">{t("Moderation is off, so the rows were not checked for harmful content.")}</p>;
  if (report.suspects === 0) return <p className="mt-3 text-muted">{t("Moderation flagged no examples.")}</p>;
  return (
    <div className="mt-3">
      <p className="font-medium">{t("Moderation flagged {{count}} examples", { count: report.suspects })}</p>
      <ul className="mt-1 space-y-1 text-muted">
        {report.flagged.map(({ category, rows, count }) => (
          <li key={category}>
            {figure(count)} {category} ({rowsOf(rows, count)})
          </li>
        ))}
      </ul>
    </div>
  );
}
