/** The places from best to worst; letters are dragged into them, by pointer or by keys. */
import { DragDropContext, Draggable, Droppable, type DropResult } from "@hello-pangea/dnd";
import clsx from "clsx";
import type { ReactNode } from "react";
import { Letter, LETTERS } from "./Letter";
import { place, remove, slotOf, type Slots } from "./ranking";

const TRAY = "tray";
const ORDINALS = ["1st", "2nd", "3rd"];

interface RankBoardProps {
  slots: Slots;
  positions: number[];
  onChange: (slots: Slots) => void;
}

export function RankBoard({ slots, positions, onChange }: RankBoardProps) {
  const letter = (choice: number) => LETTERS[positions.indexOf(choice)]!;
  const waiting = positions.filter((choice) => slotOf(slots, choice) === null);

  function drop({ draggableId, destination }: DropResult) {
    if (!destination) return;
    const choice = Number(draggableId);
    const target = destination.droppableId;
    onChange(target === TRAY ? remove(slots, choice) : place(slots, choice, Number(target), destination.index));
  }

  return (
    <DragDropContext onDragEnd={drop}>
      <div className="flex gap-2 overflow-x-auto">
        <Place id={TRAY} title="Not placed" tray>
          {waiting.map((choice, index) => (
            <Piece key={choice} choice={choice} index={index} letter={letter(choice)} />
          ))}
        </Place>
        {slots.map((held, slot) => (
          <Place key={slot} id={String(slot)} title={title(slot, slots.length)} tie={held.length > 1}>
            {held.map((choice, index) => (
              <Piece key={choice} choice={choice} index={index} letter={letter(choice)} />
            ))}
          </Place>
        ))}
      </div>
    </DragDropContext>
  );
}

function title(slot: number, places: number): string {
  const ordinal = ORDINALS[slot] ?? `${slot + 1}th`;
  if (slot === 0) return `${ordinal} · best`;
  return slot === places - 1 ? `${ordinal} · worst` : ordinal;
}

interface PlaceProps {
  id: string;
  title: string;
  tray?: boolean;
  tie?: boolean;
  children: ReactNode;
}

function Place({ id, title: name, tray, tie, children }: PlaceProps) {
  return (
    <Droppable droppableId={id}>
      {(provided, { isDraggingOver }) => (
        <div
          ref={provided.innerRef}
          {...provided.droppableProps}
          aria-label={name}
          className={clsx(
            "min-h-24 min-w-24 flex-1 rounded-xl border p-2 transition-colors",
            tray ? "border-dashed border-line-strong" : "border-line bg-surface",
            isDraggingOver && "border-accent bg-accent-soft",
          )}
        >
          <p className="mb-2 flex justify-between text-xs text-muted">
            {name}
            {tie && <span className="font-medium text-accent-ink">tie</span>}
          </p>
          {children}
          {provided.placeholder}
        </div>
      )}
    </Droppable>
  );
}

function Piece({ choice, index, letter }: { choice: number; index: number; letter: string }) {
  return (
    <Draggable draggableId={String(choice)} index={index}>
      {(provided, { isDragging }) => (
        <div
          ref={provided.innerRef}
          {...provided.draggableProps}
          {...provided.dragHandleProps}
          className={clsx(
            "mb-1.5 flex items-center gap-2 rounded-lg border border-line bg-canvas p-1 pr-2.5 text-sm select-none",
            isDragging && "shadow-float",
          )}
        >
          <Letter letter={letter} />
          Answer {letter}
        </div>
      )}
    </Draggable>
  );
}
