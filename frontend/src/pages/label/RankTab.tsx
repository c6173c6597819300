/** Ranks the answers to one message, with ties, and takes a rating and flags for each answer. */
import { useMutation } from "@tanstack/react-query";
import clsx from "clsx";
import { ListOrdered } from "lucide-react";
import { useState, type KeyboardEvent } from "react";
import { labeling, useTask, type Task } from "../../api/labeling";
import { Button } from "../../components/Button";
import { Chips } from "../../components/Chips";
import { Markdown } from "../../components/markdown/Markdown";
import { ErrorMessage } from "../../components/feedback/ErrorMessage";
import { useToast } from "../../components/feedback/Toast";
import { RankButtons } from "../chat/compare/RankButtons";
import { OptionLetter, LETTERS } from "../chat/compare/OptionLetter";
import { RankBoard, RankHint } from "../chat/compare/RankBoard";
import { emptySlots, isComplete, place, slotOf, rankingOf, type Slots } from "../chat/compare/ranking";
import { EmptyState } from "../../components/feedback/EmptyState";
import { PageHeading } from "../../components/PageHeading";
import { QueryResult } from "../../components/feedback/QueryResult";
import { Dialogue } from "./Dialogue";
import { SkipTask } from "./SkipTask";
import { TaskHeader, useNextTask } from "./TaskHeader";
import { useStopwatch } from "./stopwatch";

const FLAGS = [
  { value: "wrong", label: "Wrong" },
  { value: "harmful", label: "Harmful" },
  { value: "asks_back", label: "Asks a clarifying question" },
  { value: "too_long", label: "Too long" },
  { value: "off_topic", label: "Off topic" },
];
const RATINGS = [1, 2, 3, 4, 5, 6, 7];

export function RankTab() {
  const query = useTask("ranking");
  const [last, setLast] = useState<string | null>(null);
  return (
    <>
      <PageHeading title="Rank" hint="Rank the answers from best to worst. Give tied answers the same rank." />
      <TaskHeader kind="ranking" last={last} onUndone={() => setLast(null)} />
      <QueryResult query={query}>
        {({ assignment }) =>
          assignment ? (
            <Ranking key={assignment.id} task={assignment} onDone={() => setLast(assignment.id)} />
          ) : (
            <EmptyState icon={ListOrdered}>No ranking tasks right now. Operators create tasks from conversations that allow training.</EmptyState>
          )
        }
      </QueryResult>
    </>
  );
}

interface AnswerMarks {
  flags: Record<string, string[]>;
  ratings: Record<string, number>;
}

function Ranking({ task, onDone }: { task: Task; onDone: () => void }) {
  const [slots, setSlots] = useState<Slots>(() => emptySlots(task.answers.length));
  const [marks, setMarks] = useState<AnswerMarks>({ flags: {}, ratings: {} });
  const seconds = useStopwatch();
  const advance = useNextTask("ranking");
  const toast = useToast();
  const ids = task.answers.map((answer) => answer.id);
  const send = useMutation({
    mutationFn: () =>
      labeling.rank(task.id, {
        ranking: rankingOf(slots).map((group) => group.map((index) => ids[index]!)),
        positions: ids,
        seconds: seconds(),
        ...marks,
      }),
    onSuccess: () => {
      toast("Saved. Here is the next task.");
      finish();
    },
  });

  function finish() {
    onDone();
    scrollTo({ top: 0 });
    void advance();
  }

  return (
    <>
      <Dialogue messages={task.dialogue} />
      <ul aria-label="Answers" className={clsx("mt-6 grid gap-3 md:grid-cols-2", ids.length % 2 > 0 && "xl:grid-cols-3")}>
        {task.answers.map((answer, index) => (
          <Answer
            key={answer.id}
            letter={LETTERS[index]!}
            content={answer.content}
            places={ids.length}
            held={slotOf(slots, index)}
            flags={marks.flags[answer.id] ?? []}
            rating={marks.ratings[answer.id]}
            onPlace={(slot) => setSlots(place(slots, index, slot))}
            onFlags={(flags) => setMarks({ ...marks, flags: { ...marks.flags, [answer.id]: flags } })}
            onRating={(rating) => setMarks({ ...marks, ratings: { ...marks.ratings, [answer.id]: rating } })}
          />
        ))}
      </ul>
      <div className="mt-5 rounded-2xl border border-line bg-panel p-4">
        <RankBoard slots={slots} positions={ids.map((_, index) => index)} onChange={setSlots} />
        <ErrorMessage error={send.error} className="mt-3" />
        <div className="mt-4 flex flex-wrap items-center justify-end gap-3">
          <p className="mr-auto text-[13px] text-muted"><RankHint answers={ids.length} /></p>
          <SkipTask task={task} seconds={seconds} onSkipped={finish} />
          <Button kind="primary" disabled={!isComplete(slots) || send.isPending || send.isSuccess} onClick={() => send.mutate()}>
            Send ranking
          </Button>
        </div>
      </div>
    </>
  );
}

interface AnswerProps {
  letter: string;
  content: string;
  places: number;
  held: number | null;
  flags: string[];
  rating: number | undefined;
  onPlace: (slot: number) => void;
  onFlags: (flags: string[]) => void;
  onRating: (rating: number) => void;
}

function Answer({ letter, content, places, held, flags, rating, onPlace, onFlags, onRating }: AnswerProps) {
  function keys(event: KeyboardEvent) {
    const slot = Number(event.key) - 1;
    if (event.target === event.currentTarget && slot >= 0 && slot < places) onPlace(slot);
  }
  return (
    <li
      tabIndex={0}
      onKeyDown={keys}
      aria-label={`Answer ${letter}${held === null ? "" : `, rank ${held + 1}`}`}
      className={clsx("flex min-w-0 flex-col rounded-2xl border bg-surface", held === null ? "border-line" : "border-accent")}
    >
      <div className="flex items-center gap-2.5 border-b border-line px-4 py-2.5">
        <OptionLetter letter={letter} />
        <span className="text-sm text-muted">Answer</span>
      </div>
      <div className="max-h-[46dvh] min-h-24 flex-1 overflow-y-auto px-4 py-3.5 text-[14.5px]">
        <Markdown text={content} />
      </div>
      <div className="space-y-3 border-t border-line p-3">
        <Chips label={`Flags of answer ${letter}`} chips={FLAGS} chosen={flags} onChange={onFlags} />
        <div role="group" aria-label={`Rating of answer ${letter}`} className="flex items-center gap-1">
          <span className="mr-1 w-12 text-xs text-muted">Rating</span>
          {RATINGS.map((value) => (
            <button
              key={value}
              type="button"
              aria-label={`Rating ${value}`}
              aria-pressed={rating === value}
              onClick={() => onRating(value)}
              className={clsx(
                "size-7 rounded-full text-[13px] tabular-nums",
                rating === value ? "bg-accent text-on-accent" : "bg-panel text-muted hover:text-ink",
              )}
            >
              {value}
            </button>
          ))}
        </div>
        <RankButtons letter={letter} places={places} held={held} onPlace={onPlace} />
      </div>
    </li>
  );
}
