/** Writes a demonstration: both sides of a dialogue, with suggestions of the model. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { PenLine, Sparkles, Undo2 } from "lucide-react";
import { useState } from "react";
import { labeling, useTask, type Task, type Turn } from "../../api/labeling";
import { Badge } from "../../components/Badge";
import { Button } from "../../components/Button";
import { TextBox } from "../../components/TextBox";
import { ErrorMessage } from "../../components/feedback/ErrorMessage";
import { useToast } from "../../components/feedback/Toast";
import { Card } from "../../components/Card";
import { EmptyState } from "../../components/feedback/EmptyState";
import { PageHeading } from "../../components/PageHeading";
import { QueryResult } from "../../components/feedback/QueryResult";
import { t } from "../../i18n";
import { Dialogue } from "./Dialogue";
import { SkipTask } from "./SkipTask";
import { TaskHeader, useNextTask } from "./TaskHeader";
import { useStopwatch } from "./stopwatch";
import { usePersisted } from "../../persisted";

export function DemonstrateTab() {
  const query = useTask("demonstration");
  const client = useQueryClient();
  const toast = useToast();
  const [last, setLast] = useState<string | null>(null);
  const own = useMutation({
    mutationFn: () => labeling.next("demonstration", true),
    onSuccess: (found) => client.setQueryData(["labeling", "task", "demonstration"], found),
    onError: (error) => toast(error.message),
  });
  return (
    <>
      <PageHeading title={t("Demonstrate")} hint={t("Write both the user's and the assistant's messages. You can ask the model for a draft; only submit text you would stand behind.")} />
      <TaskHeader kind="demonstration" last={last} onUndone={() => setLast(null)} />
      <QueryResult query={query}>
        {({ assignment }) =>
          assignment ? (
            <DemonstrationEditor key={assignment.id} task={assignment} onDone={() => setLast(assignment.id)} />
          ) : (
            <EmptyState icon={PenLine}>
              <p>{t("No demonstration tasks right now.")}</p>
              <Button className="mt-4" kind="primary" disabled={own.isPending} onClick={() => own.mutate()}>
                {t("Start with my own prompt")}
              </Button>
            </EmptyState>
          )
        }
      </QueryResult>
    </>
  );
}

interface Draft {
  turns: Turn[];
  /** The message that is being written, and what the model suggested for it. */
  text: string;
  suggestion: string | null;
}

const begin = (task: Task): Draft => ({
  turns: task.dialogue.map(({ content }) => ({ role: "user", content, suggestion: null })),
  text: "",
  suggestion: null,
});

function DemonstrationEditor({ task, onDone }: { task: Task; onDone: () => void }) {
  const [draft, setDraft] = usePersisted<Draft>(`demonstration.${task.id}`, begin(task));
  const { turns } = draft;
  const clock = useStopwatch(task.id);
  const advance = useNextTask("demonstration");
  const toast = useToast();
  const side = turns.length % 2 === 0 ? "user" : "assistant";
  const written = draft.text.trim() === "" ? turns : withText(draft, side);
  const ready = written.length >= 2 && written.length % 2 === 0;
  const send = useMutation({
    mutationFn: () => labeling.demonstrate(task.id, written, clock.seconds()),
    onSuccess: (row) => {
      toast(row.moderation?.message ?? t("Saved. Thank you."));
      finish();
    },
  });

  function finish() {
    setDraft(null);
    clock.forget();
    onDone();
    void advance();
  }

  return (
    <div className="mx-auto max-w-3xl">
      {turns.length > 0 && <Dialogue messages={turns} />}
      <TurnEditor
        key={turns.length}
        side={side}
        draft={draft}
        onChange={setDraft}
        onWritten={() => setDraft({ turns: withText(draft, side), text: "", suggestion: null })}
      />
      <ErrorMessage error={send.error} className="mt-3" />
      <div className="mt-4 flex flex-wrap items-center justify-end gap-2">
        {turns.length > task.dialogue.length && (
          <Button small kind="quiet" icon={Undo2} onClick={() => setDraft({ turns: turns.slice(0, -1), text: "", suggestion: null })}>
            {t("Remove last message")}
          </Button>
        )}
        <SkipTask task={task} seconds={clock.seconds} onSkipped={finish} />
        <Button kind="primary" disabled={!ready || send.isPending || send.isSuccess} onClick={() => send.mutate()}>
          {t("Send demonstration")}
        </Button>
      </div>
    </div>
  );
}

function withText({ turns, text, suggestion }: Draft, role: Turn["role"]): Turn[] {
  return [...turns, { role, content: text.trim(), suggestion }];
}

interface TurnEditorProps {
  side: "user" | "assistant";
  draft: Draft;
  onChange: (draft: Draft) => void;
  onWritten: () => void;
}

function TurnEditor({ side, draft, onChange, onWritten }: TurnEditorProps) {
  const { turns, text, suggestion } = draft;
  const ask = useMutation({
    mutationFn: () => labeling.suggest(side, turns),
    onSuccess: ({ text: suggested }) => onChange({ turns, text: suggested, suggestion: suggested }),
  });
  const user = side === "user";
  return (
    <Card
      className="mt-4"
      title={user ? t("What would the user say next?") : t("How should the assistant answer?")}
      aside={
        suggestion !== null && (
          <Badge tone={text === suggestion ? "warn" : "good"}>{text === suggestion ? t("Unedited suggestion") : t("Edited suggestion")}</Badge>
        )
      }
    >
      <TextBox label={user ? t("The user's message") : t("The assistant's answer")} rows={user ? 3 : 7} value={text} onChange={(next) => onChange({ ...draft, text: next })} />
      <ErrorMessage error={ask.error} className="mt-3" />
      <div className="mt-3 flex flex-wrap justify-end gap-2">
        <Button small icon={Sparkles} disabled={ask.isPending} onClick={() => ask.mutate()} className="me-auto">
          {ask.isPending ? t("Generating…") : suggestion === null ? t("Suggest") : t("Suggest again")}
        </Button>
        <Button
          small
          kind="primary"
          disabled={text.trim() === ""}
          onClick={onWritten}
        >
          {user ? t("Add user message") : t("Add assistant message")}
        </Button>
      </div>
    </Card>
  );
}
