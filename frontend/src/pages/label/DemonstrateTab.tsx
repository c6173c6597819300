/** Show how it is done: play both sides of a dialogue, with the model's suggestions at hand. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { PenLine, Sparkles, Undo2 } from "lucide-react";
import { useEffect, useState } from "react";
import { labeling, useTask, type Task, type Turn } from "../../api/labeling";
import { Badge } from "../../components/Badge";
import { Button } from "../../components/Button";
import { TextBox } from "../../components/Chips";
import { Problem } from "../../components/Problem";
import { useToast } from "../../components/Toast";
import { Card, Empty, Heading, Read } from "../operator/Parts";
import { Dialogue, Skip, Top, useAdvance, useStopwatch } from "./Work";

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
      <Heading title="Demonstrate" hint="Write both the user's and the assistant's messages. You can ask the model for a draft; only submit text you would stand behind." />
      <Top kind="demonstration" last={last} onUndone={() => setLast(null)} />
      <Read query={query}>
        {({ assignment }) =>
          assignment ? (
            <Dialogues key={assignment.id} task={assignment} onDone={() => setLast(assignment.id)} />
          ) : (
            <Empty icon={PenLine}>
              <p>No demonstration tasks right now.</p>
              <Button className="mt-4" kind="primary" disabled={own.isPending} onClick={() => own.mutate()}>
                Start with my own prompt
              </Button>
            </Empty>
          )
        }
      </Read>
    </>
  );
}

function readDraft(task: Task): Turn[] {
  const kept = localStorage.getItem(draftKey(task.id));
  if (kept) return JSON.parse(kept) as Turn[];
  return task.dialogue.map(({ content }) => ({ role: "user", content, suggestion: null }));
}

function Dialogues({ task, onDone }: { task: Task; onDone: () => void }) {
  const [turns, setTurns] = useState<Turn[]>(() => readDraft(task));
  const seconds = useStopwatch();
  const advance = useAdvance("demonstration");
  const toast = useToast();
  const side = turns.length % 2 === 0 ? "user" : "assistant";
  const send = useMutation({
    mutationFn: () => labeling.demonstrate(task.id, turns, seconds()),
    onSuccess: () => {
      toast("Saved. Thank you.");
      finish();
    },
  });

  useEffect(() => localStorage.setItem(draftKey(task.id), JSON.stringify(turns)), [turns, task.id]);

  function finish() {
    localStorage.removeItem(draftKey(task.id));
    onDone();
    void advance();
  }

  return (
    <div className="mx-auto max-w-3xl">
      {turns.length > 0 && <Dialogue messages={turns} />}
      <Writing key={turns.length} side={side} turns={turns} onWritten={(turn) => setTurns([...turns, turn])} />
      <Problem error={send.error} className="mt-3" />
      <div className="mt-4 flex flex-wrap items-center justify-end gap-2">
        {turns.length > task.dialogue.length && (
          <Button small kind="quiet" icon={Undo2} onClick={() => setTurns(turns.slice(0, -1))}>
            Remove last message
          </Button>
        )}
        <Skip task={task} seconds={seconds} onSkipped={finish} />
        <Button kind="primary" disabled={side === "assistant" || turns.length < 2 || send.isPending || send.isSuccess} onClick={() => send.mutate()}>
          Send demonstration
        </Button>
      </div>
    </div>
  );
}

interface WritingProps {
  side: "user" | "assistant";
  turns: Turn[];
  onWritten: (turn: Turn) => void;
}

function Writing({ side, turns, onWritten }: WritingProps) {
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
      <Problem error={ask.error} className="mt-3" />
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
