/** What a screen reader says after a change of rank. */
import { slotOf, type Slots } from "./ranking";

/** "Answer A: rank 2 of 4, tied with C. 3 of 4 ranked." */
export function announcement(slots: Slots, choice: number, letter: (choice: number) => string): string {
  const slot = slotOf(slots, choice);
  const tied = slot === null ? [] : slots[slot]!.filter((other) => other !== choice).map(letter);
  const rank = slot === null ? "no rank" : `rank ${slot + 1} of ${slots.length}`;
  const tie = tied.length > 0 ? `, tied with ${tied.join(" and ")}` : "";
  return `Answer ${letter(choice)}: ${rank}${tie}. ${slots.flat().length} of ${slots.length} ranked.`;
}
