/** What one has done, with the means to undo it. */
import { useMutation } from "@tanstack/react-query";
import { History } from "lucide-react";
import { useNavigate } from "react-router";
import { labeling, useMyTasks, type TaskRow } from "../../api/labeling";
import { useRefresh } from "../../api/queries";
import { Badge } from "../../components/Badge";
import { Button } from "../../components/Button";
import { useToast } from "../../components/Toast";
import { ago, duration, words } from "../../format";
import { Cell, Empty, Heading, More, Read, Table } from "../operator/Parts";

export function MineTab() {
  const query = useMyTasks();
  return (
    <>
      <Heading title="My tasks" hint="Undo opens a task again and withdraws what you said." />
      <Read query={query}>
        {({ pages }) => {
          const rows = pages.flatMap((page) => page.data);
          if (rows.length === 0) return <Empty icon={History}>You have not done a task yet.</Empty>;
          return (
            <Table columns={["Task", "Prompt", "Taken", "Time", "Outcome", "Actions"]}>
              {rows.map((row) => (
                <Row key={row.id} row={row} />
              ))}
            </Table>
          );
        }}
      </Read>
      <More query={query} />
    </>
  );
}

function Row({ row }: { row: TaskRow }) {
  const refresh = useRefresh();
  const navigate = useNavigate();
  const toast = useToast();
  const undo = useMutation({
    mutationFn: () => labeling.undo(row.id),
    onSuccess: async () => {
      await refresh("labeling");
      void navigate(row.kind === "ranking" ? "/label/rank" : "/label/demonstrate");
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
        <span className="line-clamp-1 text-muted">{row.prompt || "A prompt of your own"}</span>
      </Cell>
      <Cell className="whitespace-nowrap text-muted">{ago(row.created_at)}</Cell>
      <Cell className="whitespace-nowrap text-muted tabular-nums">{row.seconds === null ? "" : duration(row.seconds)}</Cell>
      <Cell>
        <Badge tone={state === "answered" ? "good" : "plain"}>{words(state)}</Badge>
        {row.skipped && <span className="ml-2 text-xs text-muted">{row.skipped}</span>}
      </Cell>
      <Cell className="text-right">
        {state !== "open" && (
          <Button small disabled={undo.isPending} onClick={() => undo.mutate()}>
            Undo
          </Button>
        )}
      </Cell>
    </tr>
  );
}
