/** The ranks from best to worst, into which letters are dragged by pointer or keyboard. */
import { DragDropContext, Draggable, Droppable, type DropResult } from "@hello-pangea/dnd";
import clsx from "clsx";
import { useEffect, useRef, useState, type ReactNode } from "react";
import { Trans, t } from "../../../i18n";
import { OptionLetter, LETTERS } from "./OptionLetter";
import { announcement } from "./announcement";
import { place, remove, slotOf, type Slots } from "./ranking";

const TRAY = "tray";
const ROOMY = 5; // places side by side in which whole words fit
const ORDINALS = [t("1st"), t("2nd"), t("3rd"), t("4th"), t("5th"), t("6th"), t("7th"), t("8th"), t("9th")];

interface RankBoardProps {
  slots: Slots;
  positions: number[];
  onChange: (slots: Slots) => void;
}

export function RankBoard({ slots, positions, onChange }: RankBoardProps) {
  const letter = (choice: number) => LETTERS[positions.indexOf(choice)]!;
  const waiting = positions.filter((choice) => slotOf(slots, choice) === null);
  const brief = slots.length > ROOMY;

  function drop({ draggableId, destination }: DropResult) {
    if (!destination) return;
    const choice = Number(draggableId);
    const target = destination.droppableId;
    onChange(target === TRAY ? remove(slots, choice) : place(slots, choice, Number(target), destination.index));
  }

  return (
    <DragDropContext onDragEnd={drop}>
      <div className="flex gap-2 overflow-x-auto">
        <RankSlot id={TRAY} title={t("Unranked")} brief={brief} tray>
          {waiting.map((choice, index) => (
            <DraggableAnswer key={choice} choice={choice} index={index} letter={letter(choice)} brief={brief} />
          ))}
        </RankSlot>
        {slots.map((held, slot) => (
          <RankSlot key={slot} id={String(slot)} title={title(slot, slots.length)} brief={brief} tie={held.length > 1}>
            {held.map((choice, index) => (
              <DraggableAnswer key={choice} choice={choice} index={index} letter={letter(choice)} brief={brief} />
            ))}
          </RankSlot>
        ))}
      </div>
      <Announcement slots={slots} letter={letter} />
    </DragDropContext>
  );
}

/** Tells a screen reader what the last change of rank came to. */
function Announcement({ slots, letter }: { slots: Slots; letter: (choice: number) => string }) {
  const before = useRef(slots);
  const [text, setText] = useState("");
  useEffect(() => {
    const choice = slots.map((_, each) => each).find((each) => slotOf(slots, each) !== slotOf(before.current, each));
    before.current = slots;
    if (choice !== undefined) setText(announcement(slots, choice, letter));
  }, [slots, letter]);
  return (
    <p role="status" className="sr-only">
      {text}
    </p>
  );
}

/** The hint below the board; touch screens get no hint about keys. */
export function RankHint({ answers }: { answers: number }) {
  return (
    <>
      <Trans i18nKey="Drag A–{{last}} into order<s>, or select an answer and press 1–{{answers}}</s>." values={{ last: LETTERS[answers - 1], answers }} components={{ s: <span className="pointer-coarse:hidden" /> }} />
    </>
  );
}

function title(slot: number, places: number): string {
  const ordinal = ORDINALS[slot] ?? String(slot + 1);
  if (places > ROOMY) return ordinal;
  if (slot === 0) return t("{{ordinal}} · best", { ordinal });
  return slot === places - 1 ? t("{{ordinal}} · worst", { ordinal }) : ordinal;
}

interface RankSlotProps {
  id: string;
  title: string;
  brief: boolean;
  tray?: boolean;
  tie?: boolean;
  children: ReactNode;
}

function RankSlot({ id, title: name, brief, tray, tie, children }: RankSlotProps) {
  return (
    <Droppable droppableId={id}>
      {(provided, { isDraggingOver }) => (
        <div
          ref={provided.innerRef}
          {...provided.droppableProps}
          aria-label={name}
          className={clsx(
            "min-h-24 flex-1 rounded-xl border p-2 transition-colors",
            brief ? "min-w-18" : "min-w-28",
            tray ? "border-dashed border-line-strong" : "border-line bg-surface",
            isDraggingOver && "border-accent bg-accent-soft",
          )}
        >
          <p className="mb-2 flex justify-between text-xs text-muted">
            {name}
            {tie && <span className="font-medium text-accent-ink">{t("tie")}</span>}
          </p>
          {children}
          {provided.placeholder}
        </div>
      )}
    </Droppable>
  );
}

interface DraggableAnswerProps {
  choice: number;
  index: number;
  letter: string;
  /** With many ranks only the letter fits. */
  brief: boolean;
}

function DraggableAnswer({ choice, index, letter, brief }: DraggableAnswerProps) {
  return (
    <Draggable draggableId={String(choice)} index={index}>
      {(provided, { isDragging }) => (
        <div
          ref={provided.innerRef}
          {...provided.draggableProps}
          {...provided.dragHandleProps}
          className={clsx(
            "mb-1.5 flex items-center gap-2 rounded-lg border border-line bg-canvas p-1 text-sm select-none",
            brief ? "w-fit" : "pe-2.5",
            isDragging && "shadow-float",
          )}
        >
          <OptionLetter letter={letter} />
          <span className={clsx(brief && "sr-only")}>{t("Answer {{letter}}", { letter })}</span>
        </div>
      )}
    </Draggable>
  );
}
