/** Labeling for operators: tasks, agreement, labelers and disagreements. */
import { useMutation } from "@tanstack/react-query";
import { Database, ListPlus, Scale, Star } from "lucide-react";
import { useState, type FormEvent } from "react";
import { Link, useSearchParams } from "react-router";
import { labelingAdmin, useDisagreements, useLabelingProgress, type Disagreement, type Progress, type TasksRequest } from "../../../api/labeling";
import { useRefresh } from "../../../api/queries";
import { Badge } from "../../../components/Badge";
import { Button } from "../../../components/Button";
import { Dialog, DialogButtons } from "../../../components/Dialog";
import { Field, Select, Checkbox } from "../../../components/Field";
import { Markdown } from "../../../components/markdown/Markdown";
import { ErrorMessage } from "../../../components/feedback/ErrorMessage";
import { useToast } from "../../../components/feedback/Toast";
import { duration, figure } from "../../../format";
import { t } from "../../../i18n";
import { OptionLetter, LETTERS } from "../../chat/compare/OptionLetter";
import { EMPTY_GOLD_TASK, GoldTaskDialog, type GoldTaskDraft } from "../../label/GoldTaskDialog";
import { Card, StatTile } from "../../../components/Card";
import { EmptyState } from "../../../components/feedback/EmptyState";
import { PageHeading } from "../../../components/PageHeading";
import { QueryResult } from "../../../components/feedback/QueryResult";
import { CountLink, Cell, Table } from "../../../components/Table";

export function LabelingTab() {
  const query = useLabelingProgress();
  const [making, setMaking] = useState(false);
  const [gold, setGold] = useState<GoldTaskDraft | null>(null);
  return (
    <>
      <PageHeading title={t("Labeling")} hint={t("Labeling tasks, inter-annotator agreement and labeler weights.")}>
        <Link
          to="/operator/labeling/datasets"
          className="inline-flex h-9.5 items-center gap-2 rounded-lg border border-line-strong px-3.5 text-sm font-medium hover:bg-panel"
        >
          <Database aria-hidden className="size-4" />
          {t("Datasets")}
        </Link>
        <Button icon={Star} onClick={() => setGold(EMPTY_GOLD_TASK)}>
          {t("Create a gold task")}
        </Button>
        <Button kind="primary" icon={ListPlus} onClick={() => setMaking(true)}>
          {t("Create tasks")}
        </Button>
      </PageHeading>
      <QueryResult query={query}>
        {(progress) => (
          <>
            <ProgressTiles progress={progress} />
            <Labelers rows={progress.labelers} />
            <Dialog open={making} onClose={() => setMaking(false)} title={t("Create tasks")}>
              <CreateTasks policies={progress.policies} onClose={() => setMaking(false)} />
            </Dialog>
          </>
        )}
      </QueryResult>
      <Disagreements />
      <GoldTaskDialog begin={gold} onClose={() => setGold(null)} />
    </>
  );
}

const RANKED = "/operator/labeling?every";

function ProgressTiles({ progress }: { progress: Progress }) {
  const { tasks, alpha, same } = progress;
  const shared = t("{{pairs}} in {{tasks}}", { pairs: t("{{count}} pairs", { count: progress.shared_pairs }), tasks: t("{{count}} shared tasks", { count: progress.shared_tasks }) });
  return (
    <div className="grid grid-cols-2 gap-3 lg:grid-cols-4">
      <StatTile
        label={t("Tasks")}
        value={t("{{done}} of {{all}}", { done: tasks.done ?? 0, all: (tasks.done ?? 0) + (tasks.open ?? 0) })}
        hint={[goldShare(progress.gold_every, tasks.gold ?? 0), tasks.preparing && t("{{preparing}} being prepared", { preparing: tasks.preparing }), tasks.failed && t("{{failed}} failed", { failed: tasks.failed })]
          .filter(Boolean)
          .join(" · ")}
      />
      <StatTile label={t("Answered")} value={progress.answered} hint={t("{{skipped}} skipped", { skipped: progress.skipped })} />
      <StatTile label={t("Krippendorff's alpha")} value={alpha === null ? "—" : <CountLink to={RANKED}>{figure(alpha)}</CountLink>} hint={alpha === null ? t("No overlapping rankings yet") : shared} />
      <StatTile
        label={t("Pairwise agreement")}
        value={same ? <CountLink to={RANKED}>{`${Math.round(100 * same.mean)}%`}</CountLink> : "—"}
        hint={same ? t("95% CI: {{low}}% to {{high}}%", { low: Math.round(100 * same.low), high: Math.round(100 * same.high) }) : t("Needs tasks with overlap")}
      />
    </div>
  );
}

/** How often a labeler gets a gold task. */
function goldShare(every: number, available: number): string {
  const share = every === 0 ? t("gold tasks off") : every === 1 ? t("gold tasks first") : t("1 in {{every}} tasks is gold", { every });
  return t("{{share}} ({{available}} available)", { share, available });
}

function Labelers({ rows }: { rows: Progress["labelers"] }) {
  if (rows.length === 0)
    return (
      <div className="mt-6">
        <EmptyState icon={Scale}>{t("No labels yet. Create tasks, and invite labelers on the Users page.")}</EmptyState>
      </div>
    );
  return (
    <>
      <h2 className="mt-8 mb-3 text-lg font-semibold tracking-tight">{t("Labelers")}</h2>
      <Table columns={[t("Name"), t("Answered"), t("Skipped"), t("Median time"), t("Reliability"), t("Correct gold pairs"), t("Accepted suggestions"), t("Training weight")]}>
        {rows.map((row) => (
          <tr key={row.id}>
            <Cell className="font-medium">{row.name}</Cell>
            <Cell>
              <CountLink to={`/operator/feedback/judgements?author=${row.id}`}>{row.answered}</CountLink>
            </Cell>
            <Cell className="tabular-nums">{row.skipped}</Cell>
            <Cell className="whitespace-nowrap text-muted">{row.seconds === null ? "—" : duration(row.seconds)}</Cell>
            <Cell className="whitespace-nowrap tabular-nums">
              {row.reliability === null ? "—" : figure(row.reliability)}{" "}
              <span className="text-xs text-muted">{t("{{count}} shared pairs", { count: row.shared_pairs })}</span>
            </Cell>
            <Cell className="tabular-nums">{row.gold_pairs ? t("{{done}} of {{all}}", { done: row.gold_right, all: row.gold_pairs }) : "—"}</Cell>
            <Cell className="tabular-nums">{row.suggestions ? t("{{done}} of {{all}}", { done: row.accepted, all: row.suggestions }) : "—"}</Cell>
            <Cell>
              <Badge tone={row.weight < 0.5 ? "warn" : "plain"}>{figure(row.weight)}</Badge>
            </Cell>
          </tr>
        ))}
      </Table>
    </>
  );
}

function Disagreements() {
  const [search, setSearch] = useSearchParams();
  const every = search.has("every");
  const query = useDisagreements(every);
  return (
    <>
      <div className="mt-8 mb-3 flex flex-wrap items-center justify-between gap-3">
        <h2 className="text-lg font-semibold tracking-tight">{every ? t("Ranked tasks") : t("Disagreements")}</h2>
        <Checkbox label={t("Show all ranked tasks")} checked={every} onChange={(on) => setSearch(on ? { every: "" } : {})} />
      </div>
      <QueryResult query={query}>
        {({ data }) =>
          data.length === 0 ? (
            <EmptyState icon={Scale}>{every ? t("No ranked tasks yet.") : t("No disagreements.")}</EmptyState>
          ) : (
            <ul className="space-y-3">
              {data.map((dispute) => (
                <li key={dispute.task_id}>
                  <DisagreementCard dispute={dispute} />
                </li>
              ))}
            </ul>
          )
        }
      </QueryResult>
    </>
  );
}

function DisagreementCard({ dispute }: { dispute: Disagreement }) {
  const refresh = useRefresh();
  const toast = useToast();
  const settle = useMutation({
    mutationFn: (ranking: string[][] | null) => labelingAdmin.gold(dispute.task_id, ranking),
    onSuccess: () => refresh("operator", "labeling"),
    onError: (error) => toast(error.message),
  });
  const letter = (id: string) => LETTERS[dispute.answers.findIndex((answer) => answer.id === id)] ?? "?";
  const spell = (ranking: string[][]) => ranking.map((group) => group.map(letter).join(" = ")).join(" > ");
  return (
    <Card title={dispute.dialogue.at(-1)?.content} aside={<DisagreementShare share={dispute.share} />}>
      <ul className="grid gap-3 text-sm md:grid-cols-2">
        {dispute.answers.map((answer, index) => (
          <li key={answer.id} className="flex min-w-0 gap-3 rounded-xl border border-line p-3">
            <OptionLetter letter={LETTERS[index]!} />
            <div className="max-h-40 min-w-0 flex-1 overflow-y-auto" tabIndex={0} role="region" aria-label={t("Answer {{letter}}", { letter: LETTERS[index]! })}>
              <Markdown text={answer.content} />
            </div>
          </li>
        ))}
      </ul>
      <ul className="mt-4 space-y-1.5 text-sm">
        {dispute.opinions.map((opinion) => (
          <li key={opinion.labeler} className="flex flex-wrap items-center gap-3">
            <span className="w-32 truncate font-medium">{opinion.labeler}</span>
            <span className="flex-1 font-mono text-[13px]">{spell(opinion.ranking)}</span>
            <Button small disabled={settle.isPending} onClick={() => settle.mutate(opinion.ranking)}>
              {t("Use this as gold")}
            </Button>
          </li>
        ))}
      </ul>
      {dispute.gold && (
        <p className="mt-3 flex items-center gap-3 text-sm">
          <Badge tone="good">{t("Gold")}</Badge>
          <span className="font-mono text-[13px]">{spell(dispute.gold)}</span>
          <Button small kind="quiet" onClick={() => settle.mutate(null)}>
            {t("Remove from gold")}
          </Button>
        </p>
      )}
    </Card>
  );
}

function DisagreementShare({ share }: { share: number }) {
  if (share === 0) return <Badge tone="plain">{t("No disagreement")}</Badge>;
  return <Badge tone="warn">{t("{{share}}% of pairs differ", { share: Math.round(100 * share) })}</Badge>;
}

function CreateTasks({ policies, onClose }: { policies: string[]; onClose: () => void }) {
  const [body, setBody] = useState<TasksRequest>({
    kind: "ranking", source: "chat", count: 10, answers: 4, overlap: 2, temperatures: [0.7, 1.0], policies: [],
  });
  const refresh = useRefresh();
  const toast = useToast();
  const set = (change: Partial<TasksRequest>) => setBody({ ...body, ...change });
  const make = useMutation({
    mutationFn: () => labelingAdmin.make(body),
    onSuccess: ({ made }) => {
      toast(made ? t("{{count}} tasks created.", { count: made }) : t("No prompts left to create tasks from."));
      void refresh("operator", "labeling");
      onClose();
    },
  });

  function submit(event: FormEvent) {
    event.preventDefault();
    make.mutate();
  }

  return (
    <form onSubmit={submit} className="space-y-4">
      <div className="grid grid-cols-2 gap-4">
        <Select
          label={t("Kind")}
          value={body.kind}
          options={[{ value: "ranking", label: t("Rankings") }, { value: "demonstration", label: t("Demonstrations") }]}
          onChange={(event) => set({ kind: event.target.value as TasksRequest["kind"] })}
        />
        <Select
          label={t("Prompts from")}
          value={body.source}
          options={[{ value: "chat", label: t("Chats available for training") }, { value: "prompts", label: t("Prompt set") }]}
          onChange={(event) => set({ source: event.target.value as TasksRequest["source"] })}
        />
        <Field label={t("Number of tasks")} type="number" min={1} max={200} value={body.count} onChange={(e) => set({ count: Number(e.target.value) })} />
        <Field label={t("Labelers per task")} type="number" min={1} max={9} value={body.overlap} onChange={(e) => set({ overlap: Number(e.target.value) })} />
      </div>
      {body.kind === "ranking" && (
        <>
          <div className="grid grid-cols-2 gap-4">
            <Field label={t("Answers per task")} type="number" min={2} max={9} value={body.answers} onChange={(e) => set({ answers: Number(e.target.value) })} />
            <Select
              label={t("Temperatures")}
              value={(body.temperatures ?? []).join()}
              options={[{ value: "0.7,1", label: t("{{first}} and {{last}}", { first: "0.7", last: "1" }) }, { value: "1", label: "1" }, { value: "0.5,0.8,1.1", label: t("{{first}} and {{last}}", { first: "0.5, 0.8", last: "1.1" }) }]}
              onChange={(event) => set({ temperatures: event.target.value.split(",").map(Number) })}
            />
          </div>
          {policies.length > 1 && (
            <fieldset className="space-y-2">
              <legend className="mb-1.5 text-sm font-medium">{t("Answers from")}</legend>
              {policies.map((policy) => (
                <Checkbox
                  key={policy}
                  label={policy}
                  checked={(body.policies ?? []).includes(policy)}
                  onChange={(on) => set({ policies: on ? [...(body.policies ?? []), policy] : (body.policies ?? []).filter((p) => p !== policy) })}
                />
              ))}
            </fieldset>
          )}
        </>
      )}
      <p className="text-[13px] text-muted">
        {t("Prompts with disliked answers come first; near-duplicates are skipped. Answers are generated in the background.")}
      </p>
      <ErrorMessage error={make.error} />
      <DialogButtons>
        <Button onClick={onClose}>{t("Cancel")}</Button>
        <Button type="submit" kind="primary" disabled={make.isPending}>
          {t("Create tasks")}
        </Button>
      </DialogButtons>
    </form>
  );
}
