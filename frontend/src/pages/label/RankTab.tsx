/** Ranks the answers to one message, with ties, and takes a rating and flags for each answer. */
import { useMutation } from "@tanstack/react-query";
import clsx from "clsx";
import { ListOrdered } from "lucide-react";
import { useState, type KeyboardEvent } from "react";
import { labeling, useTask, type Task } from "../../api/labeling";
import { Button } from "../../components/Button";
import { Chips } from "../../components/Chips";
import { Markdown } from "../../components/markdown/Markdown";
import { useToast } from "../../components/feedback/Toast";
import { Trans, t } from "../../i18n";
import { RankButtons } from "../chat/compare/RankButtons";
import { OptionLetter, LETTERS } from "../chat/compare/OptionLetter";
import { RankBar } from "../chat/compare/RankBar";
import { RankBoard, RankHint } from "../chat/compare/RankBoard";
import { emptySlots, isComplete, place, slotOf, rankingOf, type Slots } from "../chat/compare/ranking";
import { EmptyState } from "../../components/feedback/EmptyState";
import { PageHeading } from "../../components/PageHeading";
import { QueryResult } from "../../components/feedback/QueryResult";
import { Dialogue } from "./Dialogue";
import { SkipTask } from "./SkipTask";
import { TaskHeader, useNextTask } from "./TaskHeader";
import { useStopwatch } from "./stopwatch";
import { persist, persisted, usePersisted } from "../../persisted";

const FLAGS = [
  { value: "wrong", label: t("Wrong") },
  { value: "harmful", label: t("Harmful") },
  { value: "asks_back", label: t("Asks a clarifying question") },
  { value: "too_long", label: t("Too long") },
  { value: "off_topic", label: t("Off topic") },
];
const RATINGS = [1, 2, 3, 4, 5, 6, 7];
const ANCHORS: Record<number, string> = { 1: t("useless"), 4: t("acceptable"), 7: t("excellent") };

export function RankTab() {
  const query = useTask("ranking");
  const [last, setLast] = useState<string | null>(null);
  return (
    <>
      <PageHeading title={t("Rank")} hint={t("Rank the answers from best to worst. Give tied answers the same rank.")} />
      <TaskHeader kind="ranking" last={last} onUndone={() => setLast(null)} />
      <QueryResult query={query}>
        {({ assignment }) =>
          assignment ? (
            <Ranking key={assignment.id} task={assignment} onDone={() => setLast(assignment.id)} />
          ) : (
            <EmptyState icon={ListOrdered}>{t("No ranking tasks right now. Operators create tasks from conversations that allow training.")}</EmptyState>
          )
        }
      </QueryResult>
    </>
  );
}

interface Draft {
  slots: Slots;
  flags: Record<string, string[]>;
  ratings: Record<string, number>;
}

function Ranking({ task, onDone }: { task: Task; onDone: () => void }) {
  const [draft, setDraft] = usePersisted<Draft>(rankingDraft(task.id), {
    slots: emptySlots(task.answers.length),
    flags: {},
    ratings: {},
  });
  const { slots, flags, ratings } = draft;
  const setSlots = (next: Slots) => setDraft({ ...draft, slots: next });
  const clock = useStopwatch(task.id);
  const advance = useNextTask("ranking");
  const toast = useToast();
  const ids = task.answers.map((answer) => answer.id);
  const send = useMutation({
    mutationFn: () =>
      labeling.rank(task.id, {
        ranking: rankingOf(slots).map((group) => group.map((index) => ids[index]!)),
        positions: ids,
        seconds: clock.seconds(),
        flags,
        ratings,
      }),
    onSuccess: () => {
      toast(t("Saved. Here is the next task."));
      finish();
    },
  });

  /** The draft stays, so that *Undo* gives the whole ranking back; that of the task before goes. */
  function finish() {
    clock.forget();
    replaceLast(task.id);
    onDone();
    scrollTo({ top: 0 });
    void advance();
  }

  return (
    <>
      <Dialogue messages={task.dialogue} />
      <ul aria-label={t("Answers")} className={clsx("mt-6 grid gap-3 md:grid-cols-2", ids.length % 2 > 0 && "xl:grid-cols-3")}>
        {task.answers.map((answer, index) => (
          <Answer
            key={answer.id}
            letter={LETTERS[index]!}
            content={answer.content}
            places={ids.length}
            held={slotOf(slots, index)}
            flags={flags[answer.id] ?? []}
            rating={ratings[answer.id]}
            onPlace={(slot) => setSlots(place(slots, index, slot))}
            onFlags={(chosen) => setDraft({ ...draft, flags: { ...flags, [answer.id]: chosen } })}
            onRating={(rating) => setDraft({ ...draft, ratings: { ...ratings, [answer.id]: rating } })}
          />
        ))}
      </ul>
      <div className="mt-5 rounded-2xl border border-line bg-panel p-4">
        <RankBoard slots={slots} positions={ids.map((_, index) => index)} onChange={setSlots} />
        <p className="mt-4 text-[13px] text-muted">
          <RankHint answers={ids.length} />
        </p>
      </div>
      <RankBar slots={slots} error={send.error}>
        <SkipTask task={task} seconds={clock.seconds} onSkipped={finish} />
        <Button kind="primary" disabled={!isComplete(slots) || send.isPending || send.isSuccess} onClick={() => send.mutate()}>
          {t("Send ranking")}
        </Button>
      </RankBar>
    </>
  );
}

const rankingDraft = (task: string) => `ranking.${task}`;

function replaceLast(task: string): void {
  const before = persisted("ranking-done", "");
  if (before && before !== task) persist(rankingDraft(before), null);
  persist("ranking-done", task);
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
      aria-label={held === null ? t("Answer {{letter}}", { letter }) : t("Answer {{letter}}, rank {{rank}}", { letter, rank: held + 1 })}
      className={clsx("flex min-w-0 flex-col rounded-2xl border bg-surface", held === null ? "border-line" : "border-accent")}
    >
      <div className="flex items-center gap-2.5 border-b border-line px-4 py-2.5">
        <OptionLetter letter={letter} />
        <span className="text-sm text-muted">{t("Answer")}</span>
      </div>
      <div className="max-h-[46dvh] min-h-24 flex-1 overflow-y-auto px-4 py-3.5 text-[14.5px]">
        <Markdown text={content} />
      </div>
      <div className="space-y-3 border-t border-line p-3">
        <Chips label={t("Flags of answer {{letter}}", { letter })} chips={FLAGS} chosen={flags} onChange={onFlags} />
        <div role="group" aria-label={t("Rating of answer {{letter}}", { letter })} className="flex flex-wrap items-center gap-1">
          <span className="me-1 text-xs text-muted">
            <Trans i18nKey="Rating <s>1 useless – 7 excellent</s>" components={{ s: <span className="text-faint" /> }} />
          </span>
          {RATINGS.map((value) => (
            <button
              key={value}
              type="button"
              aria-label={[t("Rating {{value}}", { value }), ANCHORS[value]].filter(Boolean).join(", ")}
              title={ANCHORS[value]?.slice(2)}
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
