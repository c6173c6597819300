/** The labeler's finished tasks, with undo. */
import { useMutation } from "@tanstack/react-query";
import { History, Star } from "lucide-react";
import { useState } from "react";
import { useNavigate } from "react-router";
import { labeling, useMyTasks, type Task, type TaskRow } from "../../api/labeling";
import { useRefresh } from "../../api/queries";
import { Badge } from "../../components/Badge";
import { Button } from "../../components/Button";
import { Confirm } from "../../components/Dialog";
import { useToast } from "../../components/feedback/Toast";
import { ago, duration, words } from "../../format";
import { PageHeading } from "../../components/PageHeading";
import { Cell, PagedTable } from "../../components/Table";
import { t } from "../../i18n";
import { EMPTY_GOLD_TASK, GoldTaskDialog, type GoldTaskDraft } from "./GoldTaskDialog";

export function MyTasksTab() {
  const query = useMyTasks();
  const [gold, setGold] = useState<GoldTaskDraft | null>(null);
  return (
    <>
      <PageHeading
        title={t("My tasks")}
        hint={t("Undo reopens a task and withdraws your answer. Gold tasks have a known correct ranking and are used to check labeler accuracy.")}
      >
        <Button icon={Star} onClick={() => setGold(EMPTY_GOLD_TASK)}>
          {t("Create a gold task")}
        </Button>
      </PageHeading>
      <PagedTable query={query} columns={[t("Task"), t("Prompt"), t("Started"), t("Duration"), t("Outcome"), t("Actions")]} icon={History} none={t("No completed tasks yet.")}>
        {(row) => (
          <Row key={row.id} row={row} onGold={setGold} />
        )}
      </PagedTable>
      <GoldTaskDialog begin={gold} onClose={() => setGold(null)} />
    </>
  );
}

function Row({ row, onGold }: { row: TaskRow; onGold: (draft: GoldTaskDraft) => void }) {
  const refresh = useRefresh();
  const navigate = useNavigate();
  const toast = useToast();
  const [asking, setAsking] = useState(false);
  const undo = useMutation({
    mutationFn: () => labeling.undo(row.id),
    onSuccess: async () => {
      await refresh("labeling");
      void navigate(row.kind === "ranking" ? "/label/rank" : "/label/demonstrate");
    },
    onError: (error) => toast(error.message),
  });
  const gold = useMutation({
    mutationFn: () => (row.kind === "ranking" ? labeling.makeGold(row.id).then(() => null) : labeling.task(row.id).then(draftOf)),
    onSuccess: (draft) => {
      if (draft) return onGold(draft);
      toast(t("Saved as gold task; other labelers will be checked against it."));
      return refresh("labeling");
    },
    onError: (error) => toast(error.message),
  });
  const state = row.finished_at === null ? "open" : row.skipped ? "skipped" : "answered";
  return (
    <tr>
      <Cell className="whitespace-nowrap">
        {words(row.kind)} <span className="text-xs text-muted">v{row.instructions}</span>
      </Cell>
      <Cell className="max-w-96">
        <span className="line-clamp-1 text-muted">{row.prompt || t("Your own prompt")}</span>
      </Cell>
      <Cell className="whitespace-nowrap text-muted">{ago(row.created_at)}</Cell>
      <Cell className="whitespace-nowrap text-muted tabular-nums">{row.seconds === null ? "" : duration(row.seconds)}</Cell>
      <Cell>
        <Badge tone={state === "answered" ? "good" : "plain"}>{words(state)}</Badge>
        {row.gold && <Badge tone="warn">{t("Gold")}</Badge>}
        {row.moderation && <span className="ms-2 text-xs text-warn">{row.moderation.message}</span>}
        {row.skipped && <span className="ms-2 text-xs text-muted">{row.skipped}</span>}
      </Cell>
      <Cell className="text-end whitespace-nowrap">
        {state === "answered" && !row.gold && (
          <Button small kind="quiet" disabled={gold.isPending} onClick={() => (row.kind === "ranking" ? setAsking(true) : gold.mutate())}>
            {t("Use as gold")}
          </Button>
        )}
        {state !== "open" && (
          <Button small disabled={undo.isPending} onClick={() => undo.mutate()}>
            {t("Undo")}
          </Button>
        )}
        <Confirm open={asking} onClose={() => setAsking(false)} title={t("Use your ranking as gold?")} action={t("Use as gold")} onConfirm={() => gold.mutateAsync()}>
          {t("Other labelers will be scored against your ranking of this task. An operator can undo this.")}
        </Confirm>
      </Cell>
    </tr>
  );
}

/** A gold task from a demonstration: its first answer is the best one, the others are to be written. */
function draftOf({ demonstrated }: Task): GoldTaskDraft {
  const [prompt, answer] = demonstrated;
  return { prompt: prompt?.content ?? "", answers: [{ text: answer?.content ?? "", tied: false }, ...EMPTY_GOLD_TASK.answers.slice(1)] };
}
