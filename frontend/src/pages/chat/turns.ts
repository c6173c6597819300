/** The running turns of all conversations; they continue while another page is open. */
import { useSyncExternalStore } from "react";
import { ApiError, conversations } from "../../api/client";
import { isUnreachable, queryClient } from "../../api/queries";
import type { Conversation, TurnBegun } from "../../api/types";
import { randomId } from "../../browser";
import { giveBack } from "../../persisted";
import { announce } from "./otherTabs";
import {
  isLive, isReturned, isStored, newTurn, storedParent, streamTurn, watchedEvents, watchedTurn, withChunk, withProgress,
  type Turn, type TurnRequest,
} from "./turn";

/** When the service is asked whether it has stored a turn: it takes a moment to notice a stop. */
const STORED_MS = [0, 300, 700, 1500, 3000];
/** Client errors of which another try can end differently. */
const PASSING = [401, 408, 409, 425, 429];

/** How long to wait before a turn is watched again whose connection was lost, at first and at most. */
const RECONNECT_MS = [500, 8000] as const;
/** A page that was hidden for so long may have lost its connections without being told. */
const ASLEEP_MS = 10_000;

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

class Turns {
  private turns: readonly Turn[] = [];
  private aborts = new Map<string, AbortController>();
  private stopping = new Set<string>();
  /** The ids of turns that ended while this page showed them. */
  private ended = new Set<string>();
  /** The ids of messages that were there when a turn of this page was stored: no news. */
  readonly stored = new Set<string>();
  /** By turn; each ends once the turn is stored. */
  private settling = new Map<string, Promise<void>>();
  private listeners = new Set<() => void>();
  private frame = 0;

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  all = (): readonly Turn[] => this.turns;

  /** Sends the request; returns the key of its turn. */
  start(request: TurnRequest): string {
    const turn = newTurn(randomId(), request);
    const others = this.turns.filter((other) => !isReturned(other) || other.conversationId !== request.conversationId);
    this.set([...others, turn]);
    this.settles(turn, this.run(turn));
    return turn.key;
  }

  /** Shows a turn that another page, or this one before it was reloaded, asked for. */
  watch(conversation: string, begun: TurnBegun): void {
    const its = this.turns.filter((turn) => turn.conversationId === conversation);
    if (this.ended.has(begun.id) || its.some((turn) => turn.completionId === begun.id || (isLive(turn) && !turn.completionId))) return;
    const turn = watchedTurn(randomId(), conversation, begun);
    this.set([...this.turns, turn]);
    this.settles(turn, this.follow(turn).then((end) => this.conclude(end)));
  }

  /** The turn goes on until its id is known, by which it is stopped. */
  stop(key: string): void {
    const turn = this.turns.find((each) => each.key === key);
    this.stopping.add(key);
    if (!turn || turn.completionId) this.aborts.get(key)?.abort();
    else this.put({ ...turn, state: "stopped" });
  }

  /** The connections of running turns are made anew: those of a page that slept may be dead. */
  reconnect(): void {
    for (const { key, completionId } of this.turns) if (completionId) this.aborts.get(key)?.abort();
  }

  forget(key: string): void {
    this.set(this.turns.filter((turn) => turn.key !== key));
  }

  /** A conversation is deleted: its answer is stopped and nothing of it is shown or read again. */
  abandon(conversation: string): void {
    const its = this.turns.filter((turn) => turn.conversationId === conversation);
    this.set(this.turns.filter((turn) => !its.includes(turn)));
    its.forEach((turn) => this.stop(turn.key));
  }

  private async run(turn: Turn): Promise<void> {
    const signal = this.connection(turn.key);
    let begun = false;
    try {
      const request = await this.placed(turn);
      if (!this.stopping.has(turn.key))
        for await (const chunk of streamTurn(request, signal)) {
          turn = withChunk(turn, chunk);
          if (!begun && turn.conversationId) begun = this.begin(turn.conversationId, turn);
          if (turn.state === "failed" || this.stopping.has(turn.key)) break;
          this.put(turn);
        }
      if (turn.state !== "failed") turn = { ...turn, state: "done" };
    } catch (error) {
      const lost = turn.completionId !== null && (signal.aborted || isUnreachable(error));
      turn = lost ? await this.follow(turn) : failed(turn, error as Error);
    }
    await this.conclude(turn);
  }

  /** Watches a turn that goes on at the service, through lost connections, until it has ended. */
  private async follow(turn: Turn): Promise<Turn> {
    for (let wait: number = RECONNECT_MS[0]; !this.stopping.has(turn.key); wait = Math.min(2 * wait, RECONNECT_MS[1])) {
      const signal = this.connection(turn.key);
      try {
        for await (const progress of watchedEvents(turn, signal)) {
          turn = withProgress(turn, progress);
          if (progress.ended) return { ...turn, state: "done" };
          wait = RECONNECT_MS[0];
          this.put(turn);
        }
      } catch (error) {
        if (error instanceof ApiError && !isUnreachable(error)) return failed(turn, error);
      }
      if (!signal.aborted) await Promise.race([sleep(wait), aborted(signal)]);
    }
    return turn;
  }

  /** The end of a turn: stopped, if that was asked for; then it is read from the store. */
  private async conclude(turn: Turn): Promise<void> {
    if (this.stopping.has(turn.key)) {
      turn = { ...turn, state: "stopped" };
      this.put(turn);
      const { key, conversationId, completionId } = turn;
      const kept = this.turns.some((each) => each.key === key); // else its conversation is deleted
      if (kept && completionId) await conversations.stopTurn(conversationId!, completionId).catch(() => undefined);
    }
    this.stopping.delete(turn.key);
    this.aborts.delete(turn.key);
    if (turn.completionId) this.ended.add(turn.completionId);
    if (isReturned(turn) && turn.request.draft && turn.request.text) giveBack(turn.request.draft, turn.request.text);
    this.put(turn);
    await this.settle(turn);
  }

  private connection(key: string): AbortSignal {
    const abort = new AbortController();
    this.aborts.set(key, abort);
    return abort.signal;
  }

  private settles({ key }: Turn, settled: Promise<void>): void {
    this.settling.set(key, settled);
    void settled.finally(() => this.settling.delete(key));
  }

  /** The request with a parent that is stored, once the turns before it are. */
  private async placed({ key, request }: Turn): Promise<TurnRequest> {
    const id = request.conversationId;
    const earlier = this.turns.filter((turn) => turn.conversationId === id && turn.key !== key);
    if (id === null || earlier.length === 0) return request;
    await Promise.all(earlier.map((turn) => this.settling.get(turn.key)));
    const stored = storedIds(id);
    if (!stored) return request;
    this.set(this.turns.filter((turn) => !earlier.includes(turn)));
    return { ...request, parentId: storedParent(request.parentId, stored, earlier) };
  }

  /** Lists a new conversation and saves its consent to training; other pages may watch the turn. */
  private begin(conversation: string, { request }: Turn): true {
    const ready = request.training ? conversations.update(conversation, { training: true }) : Promise.resolve();
    void ready.finally(() => {
      announce(conversation);
      if (request.conversationId !== null) return;
      void queryClient.invalidateQueries({ queryKey: ["conversations"] });
      void queryClient.invalidateQueries({ queryKey: ["conversation", conversation] });
    });
    return true;
  }

  /** Reads the conversation until the turn is stored; then forgets the turn, unless it has an error to show. */
  private async settle(turn: Turn): Promise<void> {
    const id = turn.conversationId;
    void queryClient.invalidateQueries({ queryKey: ["conversations"] });
    if (id === null || isReturned(turn)) return;
    for (const wait of STORED_MS) {
      await sleep(wait);
      if (!this.turns.some((other) => other.key === turn.key)) return;
      await queryClient.fetchQuery({ queryKey: ["conversation", id], queryFn: () => conversations.get(id), staleTime: 0 }).catch(() => undefined);
      const stored = storedIds(id);
      if (!stored || !isStored(turn, stored)) continue;
      announce(id);
      stored.forEach((message) => this.stored.add(message));
      if (turn.state !== "failed" && turn.promptId) this.forget(turn.key);
      return;
    }
  }

  private put(turn: Turn): void {
    this.set(this.turns.map((other) => (other.key === turn.key ? turn : other)), isLive(turn));
  }

  /** While streaming, listeners are notified once per frame. */
  private set(turns: readonly Turn[], streaming = false): void {
    this.turns = turns;
    cancelAnimationFrame(this.frame);
    if (streaming && !document.hidden) this.frame = requestAnimationFrame(this.notify);
    else this.notify();
  }

  private notify = (): void => this.listeners.forEach((listener) => listener());
}

function failed(turn: Turn, error: Error): Turn {
  const status = error instanceof ApiError ? error.status : 0;
  return { ...turn, state: "failed", error: error.message, permanent: status >= 400 && status < 500 && !PASSING.includes(status) };
}

/** The ids of a conversation's messages as they were last read; null if they could not be. */
function storedIds(conversation: string): Set<string> | null {
  const state = queryClient.getQueryState<Conversation>(["conversation", conversation]);
  if (!state?.data || state.status === "error") return null;
  return new Set(state.data.messages.map((message) => message.id));
}

const aborted = (signal: AbortSignal) => new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));

export const turns = new Turns();

let hiddenAt = Infinity;
addEventListener("online", () => turns.reconnect());
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && Date.now() - hiddenAt > ASLEEP_MS) turns.reconnect();
  hiddenAt = document.hidden ? Date.now() : Infinity;
});

export function useTurns(): readonly Turn[] {
  return useSyncExternalStore(turns.subscribe, turns.all);
}
