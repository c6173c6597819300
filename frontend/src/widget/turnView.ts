/** A prompt and its answer, or two answers to choose from. */
import { h, icon, ICONS } from "./dom";
import { isWhole, noteOf, type Turn } from "./thread";

export interface Rating {
  thumb: (turn: Turn, value: "up" | "down") => void;
  prefer: (turn: Turn, better: number) => void;
}

export class TurnView {
  readonly element = h("div", { class: "answer" });
  private texts: Text[] = [];

  constructor(
    readonly turn: Turn,
    private rating: Rating,
  ) {
    this.build();
  }

  /** While it is written only the texts change, so that nothing loses its focus. */
  stream(): void {
    this.turn.choices.forEach((choice, index) => (this.texts[index]!.data = choice.text));
  }

  /** The texts with their notes and the means to rate them. */
  build(): void {
    const { turn } = this;
    this.texts = turn.choices.map((choice) => document.createTextNode(choice.text));
    this.element.replaceChildren(
      h("p", { class: "text prompt", dir: "auto" }, h("span", { class: "spoken" }, "You: "), turn.prompt),
      ...(turn.choices.length === 1 ? this.one() : this.two()),
    );
  }

  private answer(index: number): (Node | null)[] {
    const choice = this.turn.choices[index]!;
    const note = noteOf(choice);
    return [
      h("p", { class: choice.end === null ? "text dots" : "text", dir: "auto" }, this.texts[index]!),
      note ? h("p", { class: "note" }, note) : null,
    ];
  }

  private one(): Node[] {
    const whole = isWhole(this.turn.choices[0]!);
    const thumb = (value: "up" | "down", label: string) =>
      h(
        "button",
        { type: "button", class: "icon", "aria-label": label, title: label, "aria-pressed": String(this.turn.thumb === value), click: () => this.rating.thumb(this.turn, value) },
        icon(ICONS[value]),
      );
    return [
      h("div", { class: "choice" }, ...this.answer(0), whole && h("div", { class: "row" }, thumb("up", "Good answer"), thumb("down", "Bad answer"))),
    ];
  }

  private two(): Node[] {
    const { turn } = this;
    const ready = turn.choices.every(isWhole);
    const pick = (better: number, label: string) =>
      h("button", { type: "button", class: "pick", "aria-pressed": String(turn.better === better), click: () => this.rating.prefer(turn, better) }, label);
    const names = ["A", "B"];
    return [
      ...turn.choices.map((_, index) =>
        h(
          "section",
          { class: turn.better === index ? "choice better" : "choice", "aria-label": `Answer ${names[index]}` },
          h("p", { class: "note" }, `Answer ${names[index]}`),
          ...this.answer(index),
        ),
      ),
      ...(ready ? [h("div", { class: "row", role: "group", "aria-label": "Which answer is better?" }, pick(0, "A is better"), pick(1, "B is better"), pick(-1, "Equal"))] : []),
    ];
  }
}
