/** What every task has: the time it takes, a dialogue to read, skipping, and undoing the last one. */
import { useMutation } from "@tanstack/react-query";
import { SkipForward, Undo2 } from "lucide-react";
import { useRef, useState, type ReactNode } from "react";
import { labeling, useDesk, useInstructions, type Task, type TaskKind } from "../../api/labeling";
import { useRefresh } from "../../api/queries";
import { Button } from "../../components/Button";
import { Chips, TextBox } from "../../components/Chips";
import { Dialog, DialogButtons } from "../../components/Dialog";
import { Markdown } from "../../components/markdown/Markdown";
import { Problem } from "../../components/Problem";
import { useToast } from "../../components/Toast";
import { duration } from "../../format";

const REASONS = [
  { value: "I don't know the subject", label: "I don't know the subject" },
  { value: "Not my language", label: "Not my language" },
  { value: "Upsetting content", label: "Upsetting content" },
  { value: "Private details", label: "Private details" },
  { value: "The task is broken", label: "The task is broken" },
];

/** Seconds since the task was shown. */
export function useStopwatch(): () => number {
  const began = useRef(Date.now());
  return () => Math.round((Date.now() - began.current) / 1000);
}

/** Takes the next task once one is finished; the finished one can be undone. */
export function useAdvance(kind: TaskKind) {
  const refresh = useRefresh();
  return async () => {
    await refresh("labeling", "task", kind);
    void refresh("labeling");
  };
}

interface TopProps {
  kind: TaskKind;
  last: string | null;
  onUndone: () => void;
  children?: ReactNode;
}

export function Top({ kind, last, onUndone, children }: TopProps) {
  const desk = useDesk().data;
  const version = useInstructions().data?.version;
  const advance = useAdvance(kind);
  const toast = useToast();
  const undo = useMutation({
    mutationFn: labeling.undo,
    onSuccess: async () => {
      toast("Undone. The task is open again.");
      onUndone();
      await advance();
    },
    onError: (error) => toast(error.message),
  });
  return (
    <div className="mb-5 flex flex-wrap items-center gap-x-4 gap-y-2 text-[13px] text-muted">
      {desk && (
        <p className="mr-auto">
          {desk.waiting[kind] ?? 0} waiting · {desk.answered} done
          {desk.seconds !== null && ` · ${duration(desk.seconds)} per task`} · instructions v{version}
        </p>
      )}
      {last && (
        <Button small kind="quiet" icon={Undo2} disabled={undo.isPending} onClick={() => undo.mutate(last)}>
          Undo last task
        </Button>
      )}
      {children}
    </div>
  );
}

const SPEAKERS: Record<string, string> = { user: "User", assistant: "Assistant", system: "System" };

export function Dialogue({ messages }: { messages: Task["dialogue"] }) {
  return (
    <ol className="space-y-3">
      {messages.map((message, index) => (
        <li key={index} className={message.role === "user" ? "ml-auto max-w-[46rem]" : "max-w-[46rem]"}>
          <p className="mb-1 text-xs font-medium text-muted">{SPEAKERS[message.role] ?? message.role}</p>
          <div className={message.role === "user" ? "rounded-2xl bg-panel px-4 py-3" : "rounded-2xl border border-line bg-surface px-4 py-3"}>
            <Markdown text={message.content} />
          </div>
        </li>
      ))}
    </ol>
  );
}

interface SkipProps {
  task: Task;
  seconds: () => number;
  onSkipped: () => void;
}

export function Skip({ task, seconds, onSkipped }: SkipProps) {
  const [open, setOpen] = useState(false);
  const [reason, setReason] = useState<string[]>([]);
  const [words, setWords] = useState("");
  const skip = useMutation({
    mutationFn: () => labeling.skip(task.id, [...reason, words.trim()].filter(Boolean).join(". "), seconds()),
    onSuccess: () => {
      setOpen(false);
      onSkipped();
    },
  });
  return (
    <>
      <Button small kind="quiet" icon={SkipForward} onClick={() => setOpen(true)}>
        Skip
      </Button>
      <Dialog open={open} onClose={() => setOpen(false)} title="Skip this task" description="Tell us why. It helps us choose better tasks.">
        <Chips single label="Reason" chips={REASONS} chosen={reason} onChange={setReason} />
        <TextBox label="Other (please specify)" placeholder="Another reason" rows={2} className="mt-3" value={words} onChange={setWords} />
        <Problem error={skip.error} className="mt-3" />
        <DialogButtons>
          <Button onClick={() => setOpen(false)}>Cancel</Button>
          <Button
            kind="primary"
            disabled={(reason.length === 0 && words.trim() === "") || skip.isPending}
            onClick={() => skip.mutate()}
          >
            Skip
          </Button>
        </DialogButtons>
      </Dialog>
    </>
  );
}
