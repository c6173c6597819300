/** Answers side by side, in a random order, to be ranked from best to worst; ties are allowed. */
import { useMutation } from "@tanstack/react-query";
import clsx from "clsx";
import { PartyPopper, Square } from "lucide-react";
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import { feedback } from "../../../api/client";
import type { Message } from "../../../api/types";
import { randomId } from "../../../browser";
import { Badge } from "../../../components/Badge";
import { Button } from "../../../components/Button";
import { Markdown } from "../../../components/markdown/Markdown";
import { t } from "../../../i18n";
import { ModerationNotice } from "../ModerationNotice";
import { GeneratingDots } from "../response/AnswerView";
import { OptionLetter, LETTERS } from "./OptionLetter";
import { RankBar } from "./RankBar";
import { RankBoard, RankHint } from "./RankBoard";
import { FEW, RankButtons } from "./RankButtons";
import { usePersisted } from "../../../persisted";
import { bestOf, emptySlots, isComplete, place, shuffled, slotOf, type Slots, rankingOf } from "./ranking";

interface CompareProps {
  /** In the order of their choice index. */
  answers: Message[];
  live: boolean;
  onStop: () => void;
  /** With the answer to continue from, or null when the comparison is left. */
  onEnd: (answer: Message | null) => void;
}

/** An unfinished ranking, and the order in which the answers are shown. */
interface Draft {
  positions: number[];
  slots: Slots;
}

export default function Compare({ answers, live, onStop, onEnd }: CompareProps) {
  const completionId = answers[0]?.completion_id ?? "";
  const [draft, setDraft] = usePersisted<Partial<Draft>>(`ranking.${completionId}`, {});
  const [positions] = useState(() => (draft.positions?.length === answers.length ? draft.positions : shuffled(answers.length)));
  const slots = draft.slots?.length === answers.length ? draft.slots : emptySlots(answers.length);
  const setSlots = (next: Slots) => setDraft({ positions, slots: next });
  const [key] = useState(randomId);
  const section = useRef<HTMLElement>(null);
  useEffect(() => {
    section.current?.scrollIntoView({ block: "start" });
  }, []);
  const submit = useMutation({
    mutationFn: () => feedback.give({ completion_id: completionId, kind: "ranking", ranking: rankingOf(slots), positions }, key),
    retry: 2,
  });
  const ranked = submit.isSuccess;
  const best = ranked ? bestOf(slots, positions) : null;

  function end(answer: Message | null) {
    setDraft(null);
    onEnd(answer);
  }

  return (
    <section
      ref={section}
      aria-label={t("Compare answers")}
      className="mx-auto w-full max-w-[92rem] scroll-mt-28 animate-rise border-t border-line px-4 py-6 sm:px-6"
    >
      <div className="mb-4 flex flex-wrap items-end justify-between gap-3">
        <div>
          <h2 className="font-serif text-2xl font-medium tracking-tight">
            {ranked ? t("Thanks! Which answer should we continue from?") : t("Which answer is best?")}
          </h2>
          <p className="mt-1 text-sm text-muted">
            {ranked
              ? t("One click continues the conversation from that answer.")
              : live
                ? t("Generating answers. They are shown in random order.")
                : t("Rank the answers. Give two answers the same rank if they are equally good.")}
          </p>
        </div>
        {live && (
          <Button small icon={Square} onClick={onStop}>
            {t("Stop")}
          </Button>
        )}
        {!ranked && !live && (
          <Button kind="quiet" small onClick={() => end(null)}>
            {t("Skip ranking")}
          </Button>
        )}
      </div>

      <ul className={clsx("grid gap-3", COLUMNS[answers.length] ?? MANY)}>
        {positions.map((choice, position) => (
          <AnswerCard
            key={choice}
            letter={LETTERS[position]!}
            answer={answers[choice]!}
            live={live}
            places={answers.length}
            place={slotOf(slots, choice)}
            onPlace={live || ranked ? undefined : (slot) => setSlots(place(slots, choice, slot))}
            best={best === choice}
            onChoose={ranked ? () => end(answers[choice]!) : undefined}
          />
        ))}
      </ul>

      {!ranked && !live && (
        <div className="mt-5 rounded-2xl border border-line bg-panel p-4">
          <RankBoard slots={slots} positions={positions} onChange={setSlots} />
          <p className="mt-4 text-[13px] text-muted">
            <RankHint answers={answers.length} />
          </p>
        </div>
      )}
      {!ranked && !live && (
        <RankBar slots={slots} error={submit.error}>
          <Button kind="primary" disabled={!isComplete(slots) || submit.isPending} onClick={() => submit.mutate()}>
            {t("Send ranking")}
          </Button>
        </RankBar>
      )}
      {ranked && (
        <p role="status" className="mt-5 inline-flex items-center gap-2 text-sm text-accent-ink">
          <PartyPopper aria-hidden className="size-4" />
          {t("Ranking saved.")}
        </p>
      )}
    </section>
  );
}

const COLUMNS: Record<number, string> = {
  2: "md:grid-cols-2",
  3: "md:grid-cols-3",
  4: "md:grid-cols-2 xl:grid-cols-4",
};
const MANY = "md:grid-cols-2 lg:grid-cols-3";

interface AnswerCardProps {
  letter: string;
  answer: Message;
  live: boolean;
  places: number;
  place: number | null;
  onPlace?: (slot: number) => void;
  best: boolean;
  onChoose?: () => void;
}

function AnswerCard({ letter, answer, live, places, place: held, onPlace, best, onChoose }: AnswerCardProps) {
  function keys(event: KeyboardEvent) {
    const slot = Number(event.key) - 1;
    if (onPlace && slot >= 0 && slot < places) onPlace(slot);
  }

  const writing = live && answer.finish_reason === null;
  return (
    <li
      tabIndex={onPlace ? 0 : undefined}
      onKeyDown={keys}
      aria-label={held === null ? t("Answer {{letter}}", { letter }) : t("Answer {{letter}}, rank {{rank}}", { letter, rank: held + 1 })}
      className={clsx(
        "flex min-w-0 flex-col rounded-2xl border bg-surface transition-shadow",
        best ? "border-accent ring-2 ring-accent/30" : "border-line shadow-soft",
      )}
    >
      <div className="flex items-center gap-2.5 border-b border-line px-4 py-2.5">
        <OptionLetter letter={letter} />
        <span className="text-sm text-muted">{writing ? t("Generating…") : t("Answer")}</span>
        {onChoose && held !== null && <Badge tone={best ? "accent" : "plain"}>{t("Rank {{slot}}", { slot: held + 1 })}</Badge>}
      </div>
      <div
        className={clsx(
          "min-h-28 flex-1 overflow-y-auto px-4 py-3.5 text-[14.5px]",
          places > FEW ? "max-h-[30dvh]" : "max-h-[52dvh]",
        )}
        aria-busy={writing}
      >
        {answer.content ? <Markdown text={answer.content} streaming={writing} /> : writing && <GeneratingDots />}
        {!writing && !answer.content && !answer.moderation && <p className="text-muted">{t("This answer is empty.")}</p>}
        {answer.moderation && <ModerationNotice verdict={answer.moderation} className="mt-3" />}
      </div>
      <div className="flex min-h-13 items-center justify-between gap-2 border-t border-line px-3 py-2">
        {onChoose ? (
          <Button small kind={best ? "primary" : "secondary"} onClick={onChoose}>
            {t("Continue with {{letter}}", { letter })}
          </Button>
        ) : (
          <RankButtons letter={letter} places={places} held={held} onPlace={onPlace} />
        )}
      </div>
    </li>
  );
}
