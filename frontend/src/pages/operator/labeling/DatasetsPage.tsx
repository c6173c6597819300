/** Data sets: what was imported, a file checked before it is kept, and exports. */
import { useMutation } from "@tanstack/react-query";
import { Database, Download, FileUp } from "lucide-react";
import { useState, type FormEvent } from "react";
import { datasets, useDatasets, type Dataset, type Report, type Source } from "../../../api/datasets";
import { useRefresh } from "../../../api/queries";
import { Button } from "../../../components/Button";
import { Confirm, Dialog, DialogButtons } from "../../../components/Dialog";
import { Field, Tick } from "../../../components/Field";
import { Problem } from "../../../components/Problem";
import { useToast } from "../../../components/Toast";
import { ago, figure } from "../../../format";
import { Back, Card, Cell, Empty, Heading, Read, Table } from "../Parts";

const FORMATS: [string, string][] = [
  ["trl", "TRL preferences"],
  ["openai", "OpenAI messages"],
  ["oasst", "OASST trees"],
  ["ultrafeedback", "UltraFeedback"],
  ["hh-rlhf", "hh-rlhf"],
];

export function DatasetsPage() {
  const query = useDatasets();
  const [open, setOpen] = useState(false);
  return (
    <>
      <Back to="/operator/labeling">Labeling</Back>
      <Heading title="Data sets" hint="Sources that teach beside the people here, each with its licence; and what people said, to take elsewhere.">
        <Button kind="primary" icon={FileUp} onClick={() => setOpen(true)}>
          Import a file
        </Button>
      </Heading>
      <Read query={query}>
        {({ data }) =>
          data.length === 0 ? (
            <Empty icon={Database}>Nothing is imported. A file is checked row by row before anything of it is kept.</Empty>
          ) : (
            <Table columns={["Name", "Format", "Licence", "Demonstrations", "Rankings", "Imported", "Actions"]}>
              {data.map((row) => (
                <Row key={row.id} row={row} />
              ))}
            </Table>
          )
        }
      </Read>
      <Card title="Export" className="mt-6">
        <p className="mb-3 max-w-2xl text-sm text-muted">
          What may be learned from: conversations that may teach, judgements that stand, nothing that was blocked. Nobody is
          named. The audit log remembers each export.
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
      <Dialog open={open} onClose={() => setOpen(false)} title="Import a data set">
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
      <Cell className="tabular-nums">{figure(row.rankings)}</Cell>
      <Cell className="whitespace-nowrap text-muted">
        {ago(row.created_at)}
        {row.kept < row.examples && ` · ${figure(row.kept)} of ${figure(row.examples)}`}
      </Cell>
      <Cell className="text-right">
        <Button small onClick={() => setLeaving(true)}>
          Erase
        </Button>
        <Confirm
          open={leaving}
          onClose={() => setLeaving(false)}
          title={`Erase ${row.name}?`}
          action="Erase"
          onConfirm={async () => {
            const { policies } = await datasets.erase(row.id);
            toast(policies.length ? `Erased. Affected: ${policies.join(", ")}` : "Erased. No policy had learned from it.");
            await refresh("operator");
          }}
        >
          Its examples go for good. Policies that learned from it stay, and are listed on the People page as affected.
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
      toast(`${figure(kept)} examples are kept.`);
      void refresh("operator", "datasets");
      onClose();
    },
  });
  const usable = check.data !== undefined && check.data.demonstrations + check.data.rankings > 0;

  function submit(event: FormEvent) {
    event.preventDefault();
    keep.mutate();
  }

  return (
    <form onSubmit={submit} className="space-y-4">
      <Field
        label="File"
        type="file"
        accept=".jsonl,.json,.gz"
        hint="JSON Lines or a JSON array, also gzipped, up to 2 MB; larger ones go through `tutelage dataset import`."
        onChange={(event) => {
          const chosen = event.target.files?.[0] ?? null;
          setFile(chosen);
          if (chosen) check.mutate(chosen);
        }}
      />
      {check.data && <Checked report={check.data} />}
      {usable && (
        <>
          <Field label="Name" required value={source.name} onChange={(event) => setSource({ ...source, name: event.target.value })} />
          <Field
            label="Licence, or whose consent it rests on"
            required
            value={source.licence}
            onChange={(event) => setSource({ ...source, licence: event.target.value })}
          />
          <Field label="Where it is from" value={source.origin} onChange={(event) => setSource({ ...source, origin: event.target.value })} />
          {check.data.suspects > 0 && (
            <Tick
              label={`Leave the ${figure(check.data.suspects)} flagged out`}
              checked={source.flagged === "exclude"}
              onChange={(out) => setSource({ ...source, flagged: out ? "exclude" : "keep" })}
            />
          )}
        </>
      )}
      <Problem error={check.error ?? keep.error} />
      <DialogButtons>
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind="primary" disabled={!usable || !source.name.trim() || !source.licence.trim() || keep.isPending}>
          {keep.isPending ? "Importing …" : "Import"}
        </Button>
      </DialogButtons>
    </form>
  );
}

function Checked({ report }: { report: Report }) {
  return (
    <div className="rounded-xl border border-line bg-panel p-4 text-sm" role="status">
      <p>
        {figure(report.rows)} rows of {report.format}: {figure(report.demonstrations)} demonstrations, {figure(report.rankings)}{" "}
        rankings ({figure(report.comparisons)} comparisons){report.duplicates > 0 && `, ${figure(report.duplicates)} said before`}.
      </p>
      {report.problems.length > 0 && (
        <ul className="mt-2 space-y-1 text-muted">
          {report.problems.map(({ reason, rows, count }) => (
            <li key={reason}>
              {figure(count)} left out (rows {rows.join(", ")}
              {count > rows.length && ", …"}): {reason}
            </li>
          ))}
        </ul>
      )}
      <Suspects report={report} />
    </div>
  );
}

/** What moderation would have acted on, had people or a policy said it here. */
function Suspects({ report }: { report: Report }) {
  if (!report.moderated) return <p className="mt-3 text-muted">Moderation is switched off, so nobody looked for harm.</p>;
  if (report.suspects === 0) return <p className="mt-3 text-muted">Moderation flags none of them.</p>;
  return (
    <div className="mt-3">
      <p className="font-medium">Moderation flags {figure(report.suspects)} of them</p>
      <ul className="mt-1 space-y-1 text-muted">
        {report.flagged.map(({ category, rows, count }) => (
          <li key={category}>
            {figure(count)} {category} (rows {rows.join(", ")}
            {count > rows.length && ", …"})
          </li>
        ))}
      </ul>
    </div>
  );
}
