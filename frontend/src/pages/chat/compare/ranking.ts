/** An unfinished ranking: answers are placed into slots, best first; one slot may hold a tie. */

/** For each slot, from best to worst, the choice indexes placed there. */
export type Slots = readonly (readonly number[])[];

export function emptySlots(n: number): Slots {
  return Array.from({ length: n }, () => []);
}

/** Puts an answer into a slot (at a position, or last), taking it out of where it was. */
export function place(slots: Slots, choice: number, slot: number, at = Infinity): Slots {
  return remove(slots, choice).map((held, index) =>
    index === slot ? [...held.slice(0, at), choice, ...held.slice(at)] : held,
  );
}

export function remove(slots: Slots, choice: number): Slots {
  return slots.map((held) => held.filter((other) => other !== choice));
}

export function slotOf(slots: Slots, choice: number): number | null {
  const slot = slots.findIndex((held) => held.includes(choice));
  return slot < 0 ? null : slot;
}

/** Every answer has a rank. */
export function isComplete(slots: Slots): boolean {
  return slots.flat().length === slots.length;
}

/** What is sent: groups of choice indexes, best first, without empty ranks. */
export function rankingOf(slots: Slots): number[][] {
  return slots.filter((held) => held.length > 0).map((held) => [...held].sort((a, b) => a - b));
}

/** The best answer; of several that tie, the one shown first. */
export function bestOf(slots: Slots, positions: readonly number[]): number | null {
  const best = rankingOf(slots)[0];
  return best ? (positions.find((choice) => best.includes(choice)) ?? null) : null;
}

/** The choice indexes 0…n-1 in a random order (Fisher and Yates), so that no position is favoured. */
export function shuffled(n: number, random: () => number = Math.random): number[] {
  const order = Array.from({ length: n }, (_, index) => index);
  for (let last = n - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [order[last], order[other]] = [order[other]!, order[last]!];
  }
  return order;
}
