/** Writes a demonstration: both sides of a dialogue, with suggestions of the model. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { PenLine, Sparkles, Undo2 } from "lucide-react";
import { useEffect, useState } from "react";
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
import { Dialogue } from "./Dialogue";
import { SkipTask } from "./SkipTask";
import { TaskHeader, useNextTask } from "./TaskHeader";
import { useStopwatch } from "./stopwatch";
import { forget, remember, rememberedJson } from "../../local";

const draftKey = (task: string) => `tutelage.demonstration.${task}`;

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
      <PageHeading title="Demonstrate" hint="Write both the user's and the assistant's messages. You can ask the model for a draft; only submit text you would stand behind." />
      <TaskHeader kind="demonstration" last={last} onUndone={() => setLast(null)} />
      <QueryResult query={query}>
        {({ assignment }) =>
          assignment ? (
            <DemonstrationEditor key={assignment.id} task={assignment} onDone={() => setLast(assignment.id)} />
          ) : (
            <EmptyState icon={PenLine}>
              <p>No demonstration tasks right now.</p>
              <Button className="mt-4" kind="primary" disabled={own.isPending} onClick={() => own.mutate()}>
                Start with my own prompt
              </Button>
            </EmptyState>
          )
        }
      </QueryResult>
    </>
  );
}

function readDraft(task: Task): Turn[] {
  const kept = rememberedJson<Turn[]>(draftKey(task.id));
  return kept ?? task.dialogue.map(({ content }) => ({ role: "user", content, suggestion: null }));
}

function DemonstrationEditor({ task, onDone }: { task: Task; onDone: () => void }) {
  const [turns, setTurns] = useState<Turn[]>(() => readDraft(task));
  const seconds = useStopwatch();
  const advance = useNextTask("demonstration");
  const toast = useToast();
  const side = turns.length % 2 === 0 ? "user" : "assistant";
  const send = useMutation({
    mutationFn: () => labeling.demonstrate(task.id, turns, seconds()),
    onSuccess: (row) => {
      toast(row.moderation?.message ?? "Saved. Thank you.");
      finish();
    },
  });

  useEffect(() => {
    remember(draftKey(task.id), JSON.stringify(turns));
  }, [turns, task.id]);

  function finish() {
    forget(draftKey(task.id));
    onDone();
    void advance();
  }

  return (
    <div className="mx-auto max-w-3xl">
      {turns.length > 0 && <Dialogue messages={turns} />}
      <TurnEditor key={turns.length} side={side} turns={turns} onWritten={(turn) => setTurns([...turns, turn])} />
      <ErrorMessage error={send.error} className="mt-3" />
      <div className="mt-4 flex flex-wrap items-center justify-end gap-2">
        {turns.length > task.dialogue.length && (
          <Button small kind="quiet" icon={Undo2} onClick={() => setTurns(turns.slice(0, -1))}>
            Remove last message
          </Button>
        )}
        <SkipTask task={task} seconds={seconds} onSkipped={finish} />
        <Button kind="primary" disabled={side === "assistant" || turns.length < 2 || send.isPending || send.isSuccess} onClick={() => send.mutate()}>
          Send demonstration
        </Button>
      </div>
    </div>
  );
}

interface TurnEditorProps {
  side: "user" | "assistant";
  turns: Turn[];
  onWritten: (turn: Turn) => void;
}

function TurnEditor({ side, turns, onWritten }: TurnEditorProps) {
  const [text, setText] = useState("");
  const ask = useMutation({ mutationFn: () => labeling.suggest(side, turns), onSuccess: ({ text: written }) => setText(written) });
  const suggestion = ask.data?.text ?? null;
  const user = side === "user";
  return (
    <Card
      className="mt-4"
      title={user ? "What would the user say next?" : "How should the assistant answer?"}
      aside={
        suggestion !== null && (
          <Badge tone={text === suggestion ? "warn" : "good"}>{text === suggestion ? "Unedited suggestion" : "Edited suggestion"}</Badge>
        )
      }
    >
      <TextBox label={user ? "The user's message" : "The assistant's answer"} rows={user ? 3 : 7} value={text} onChange={setText} />
      <ErrorMessage error={ask.error} className="mt-3" />
      <div className="mt-3 flex flex-wrap justify-end gap-2">
        <Button small icon={Sparkles} disabled={ask.isPending} onClick={() => ask.mutate()} className="mr-auto">
          {ask.isPending ? "Generating…" : suggestion === null ? "Suggest" : "Suggest again"}
        </Button>
        <Button
          small
          kind="primary"
          disabled={text.trim() === ""}
          onClick={() => onWritten({ role: side, content: text.trim(), suggestion })}
        >
          {user ? "Add user message" : "Add assistant message"}
        </Button>
      </div>
    </Card>
  );
}
