/** The launcher and the chat window, in a shadow root of their own. */
import { h, icon, ICONS } from "./dom";
import type { Service } from "./service";
import { STYLE } from "./style";
import { lastResponse, newThread, newTurn, take, type Thread, type Turn } from "./thread";
import { TurnView } from "./turnView";

export interface Options {
  title: string;
  greeting: string;
  theme: string;
  /** Whether visitors are asked if their chat may be used for training. */
  asksTraining: boolean;
}

/** Where the chat is kept while the visitor moves from page to page of the site. */
export interface Keeper {
  read: () => Thread | null;
  write: (thread: Thread) => void;
}

export class Panel {
  readonly host = document.createElement("div");
  private thread: Thread;
  private abort: AbortController | null = null;

  private launcher = this.button("launcher", "chat", "", () => this.open());
  private log = h("div", { class: "log", tabindex: "0", role: "log", "aria-live": "off", "aria-label": "Messages" });
  private spoken = h("p", { class: "spoken", "aria-live": "polite" });
  private problem = h("p", { class: "error", role: "alert", hidden: true });
  private text = h("textarea", {
    rows: "1",
    "aria-label": "Your message",
    placeholder: "Write a message",
    maxlength: "8000",
    keydown: (event) => this.key(event as KeyboardEvent),
    input: () => this.grow(),
  });
  private send = h("button", { type: "submit", class: "send" });
  private compare = h("input", { type: "checkbox" });
  private training = h("input", { type: "checkbox", change: () => (this.thread.training = this.training.checked) });
  private window: HTMLElement;

  constructor(
    private service: Service,
    private options: Options,
    private keeper: Keeper,
  ) {
    this.thread = keeper.read() ?? newThread();
    const { title } = options;
    this.launcher.setAttribute("aria-label", title);
    this.launcher.setAttribute("aria-expanded", "false");
    this.window = h(
      "div",
      { class: "panel", role: "dialog", "aria-label": title, hidden: true, keydown: (event) => this.escape(event as KeyboardEvent) },
      h("header", {}, h("h2", {}, title), this.button("icon", "fresh", "New chat", () => this.restart()), this.button("icon", "close", "Close", () => this.close())),
      this.log,
      this.problem,
      h(
        "form",
        { submit: (event) => this.submit(event) },
        h("div", { class: "box" }, this.text, this.send),
        h("label", {}, this.compare, "Compare two answers"),
      ),
      this.spoken,
    );
    if (options.theme) this.host.setAttribute("theme", options.theme);
    const root = this.host.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
    root.append(this.launcher, this.window);
    this.show();
    this.idle();
  }

  private button(style: string, image: keyof typeof ICONS, label: string, click: () => void): HTMLButtonElement {
    return h("button", { type: "button", class: style, "aria-label": label, title: label, click }, icon(ICONS[image]));
  }

  private open(): void {
    this.window.hidden = false;
    this.launcher.hidden = true;
    this.launcher.setAttribute("aria-expanded", "true");
    this.text.focus();
    this.log.scrollTop = this.log.scrollHeight;
  }

  private close(): void {
    this.window.hidden = true;
    this.launcher.hidden = false;
    this.launcher.setAttribute("aria-expanded", "false");
    this.launcher.focus();
  }

  private escape(event: KeyboardEvent): void {
    if (event.key === "Escape") this.close();
  }

  private key(event: KeyboardEvent): void {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    if (!this.abort) this.send.form?.requestSubmit();
  }

  private grow(): void {
    this.text.style.height = "auto";
    this.text.style.height = `${this.text.scrollHeight + 2}px`;
  }

  private restart(): void {
    this.abort?.abort();
    this.thread = newThread(this.thread.training);
    this.keeper.write(this.thread);
    this.fail("");
    this.show();
    this.text.focus();
  }

  /** The whole log; of an empty chat what it is and whether it may be learned from. */
  private show(): void {
    this.training.checked = this.thread.training;
    const { turns } = this.thread;
    const views = turns.map((turn) => this.viewOf(turn));
    this.log.replaceChildren(...(views.length ? views.map((view) => view.element) : this.welcome()));
  }

  private welcome(): Node[] {
    const asks = h("label", {}, this.training, "This chat may be used to improve the assistant.");
    return [h("p", { class: "text" }, this.options.greeting), ...(this.options.asksTraining ? [asks] : [])];
  }

  private viewOf(turn: Turn): TurnView {
    const view: TurnView = new TurnView(turn, {
      thumb: (_, value) => void this.rated(view, () => this.thumb(turn, value)),
      prefer: (_, better) => void this.rated(view, () => this.prefer(turn, better)),
    });
    return view;
  }

  private submit(event: Event): void {
    event.preventDefault();
    if (this.abort) this.abort.abort();
    else if (this.text.value.trim()) void this.ask(this.text.value.trim());
  }

  private async ask(prompt: string): Promise<void> {
    const { thread } = this;
    const parent = lastResponse(thread);
    const turn = newTurn(prompt, this.compare.checked ? 2 : 1);
    const view = this.viewOf(turn);
    if (thread.turns.length === 0) this.log.replaceChildren();
    this.log.append(view.element);
    this.text.value = "";
    this.grow();
    this.fail("");
    this.busy();
    const stays = () => this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 60;
    this.log.scrollTop = this.log.scrollHeight;
    try {
      for await (const chunk of this.service.ask(thread, prompt, parent, turn.choices.length, this.abort!.signal)) {
        const bottom = stays();
        take(thread, turn, chunk);
        view.stream();
        if (bottom) this.log.scrollTop = this.log.scrollHeight;
      }
      this.settle(turn, "error");
    } catch (error) {
      const stopped = this.abort?.signal.aborted ?? false;
      this.settle(turn, stopped ? "stopped" : "error");
      if (!stopped) this.fail((error as Error).message);
    }
    this.idle();
    if (thread !== this.thread) return;
    if (turn.completionId) thread.turns.push(turn);
    else this.giveBack(prompt, view);
    const bottom = stays();
    view.build();
    if (bottom) this.log.scrollTop = this.log.scrollHeight;
    this.keeper.write(thread);
    this.spoken.textContent = turn.choices.map(({ text }) => `Assistant: ${text}`).join("\n");
  }

  private settle(turn: Turn, end: string): void {
    for (const choice of turn.choices) choice.end ??= end;
  }

  /** Nothing was answered: the prompt returns to where it was written. */
  private giveBack(prompt: string, view: TurnView): void {
    view.element.remove();
    if (this.thread.turns.length === 0) this.show();
    this.text.value ||= prompt;
    this.grow();
  }

  private async rated(view: TurnView, act: () => Promise<void>): Promise<void> {
    const root = this.host.shadowRoot!;
    const label = root.activeElement?.textContent || root.activeElement?.getAttribute("aria-label");
    try {
      this.fail("");
      await act();
      this.keeper.write(this.thread);
      this.spoken.textContent = "Thank you. Your rating is saved.";
    } catch (error) {
      this.fail((error as Error).message);
    }
    view.build();
    const again = [...view.element.querySelectorAll("button")].find((each) => (each.textContent || each.getAttribute("aria-label")) === label);
    again?.focus();
  }

  /** A thumb; the same once more takes it back. */
  private async thumb(turn: Turn, value: "up" | "down"): Promise<void> {
    if (turn.thumb === value && turn.feedbackId) {
      await this.service.withdraw(turn.feedbackId);
      turn.thumb = turn.feedbackId = undefined;
      return;
    }
    turn.feedbackId = await this.service.rate({ kind: "thumbs", completion_id: turn.completionId, value });
    turn.thumb = value;
  }

  private async prefer(turn: Turn, better: number): Promise<void> {
    const ranking = better < 0 ? [[0, 1]] : [[better], [1 - better]];
    await this.service.rate({ kind: "ranking", completion_id: turn.completionId, ranking, positions: [0, 1] });
    turn.better = better;
  }

  private busy(): void {
    this.abort = new AbortController();
    this.look("Stop", "stop");
  }

  private idle(): void {
    this.abort = null;
    this.look("Send", "send");
  }

  private look(label: string, image: keyof typeof ICONS): void {
    this.send.setAttribute("aria-label", label);
    this.send.title = label;
    this.send.replaceChildren(icon(ICONS[image]));
  }

  private fail(message: string): void {
    this.problem.textContent = message;
    this.problem.hidden = !message;
  }
}
