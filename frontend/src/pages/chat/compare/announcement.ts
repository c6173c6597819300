/** What a screen reader says after a change of rank. */
import { t } from "../../../i18n";
import { locale } from "../../../locale";
import { slotOf, type Slots } from "./ranking";

const AND = new Intl.ListFormat(locale, { type: "conjunction" });

/** "Answer A: rank 2 of 4, tied with C. 3 of 4 ranked." */
export function announcement(slots: Slots, choice: number, letter: (choice: number) => string): string {
  const slot = slotOf(slots, choice);
  const tied = slot === null ? [] : slots[slot]!.filter((other) => other !== choice).map(letter);
  const said = [
    slot === null ? t("no rank") : t("rank {{rank}} of {{ranks}}", { rank: slot + 1, ranks: slots.length }),
    ...(tied.length > 0 ? [t("tied with {{answers}}", { answers: AND.format(tied) })] : []),
  ];
  const ranked = t("{{done}} of {{all}} ranked", { done: slots.flat().length, all: slots.length });
  return `${t("Answer {{letter}}", { letter: letter(choice) })}: ${said.join(", ")}. ${ranked}.`;
}
