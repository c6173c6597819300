/** Above a task: the counts of waiting and finished tasks, and undo. */
import { useMutation } from "@tanstack/react-query";
import { Undo2 } from "lucide-react";
import type { ReactNode } from "react";
import { labeling, type TaskKind, useLabelingHome, useInstructions } from "../../api/labeling";
import { useRefresh } from "../../api/queries";
import { Button } from "../../components/Button";
import { useToast } from "../../components/feedback/Toast";
import { duration } from "../../format";
import { t } from "../../i18n";

/** Fetches the next task once one is finished. */
export function useNextTask(kind: TaskKind) {
  const refresh = useRefresh();
  return async () => {
    await refresh("labeling", "task", kind);
    void refresh("labeling");
  };
}

interface TaskHeaderProps {
  kind: TaskKind;
  last: string | null;
  onUndone: () => void;
  children?: ReactNode;
}

export function TaskHeader({ kind, last, onUndone, children }: TaskHeaderProps) {
  const desk = useLabelingHome().data;
  const version = useInstructions().data?.version;
  const advance = useNextTask(kind);
  const toast = useToast();
  const undo = useMutation({
    mutationFn: labeling.undo,
    onSuccess: async () => {
      toast(t("Undone. The task is open again."));
      onUndone();
      await advance();
    },
    onError: (error) => toast(error.message),
  });
  return (
    <div className="mb-5 flex flex-wrap items-center gap-x-4 gap-y-2 text-[13px] text-muted">
      {desk && (
        <p className="me-auto">
          {[
            t("{{waiting}} waiting", { waiting: desk.waiting[kind] ?? 0 }),
            t("{{answered}} done", { answered: desk.answered }),
            ...(desk.seconds !== null ? [t("{{time}} per task", { time: duration(desk.seconds) })] : []),
            t("instructions v{{version}}", { version: version ?? "" }),
          ].join(" · ")}
        </p>
      )}
      {last && (
        <Button small kind="quiet" icon={Undo2} disabled={undo.isPending} onClick={() => undo.mutate(last)}>
          {t("Undo last task")}
        </Button>
      )}
      {children}
    </div>
  );
}
