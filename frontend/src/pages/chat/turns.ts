/** The running turns of all conversations; they continue while another page is open. */
import { useSyncExternalStore } from "react";
import { ApiError, conversations } from "../../api/client";
import { queryClient } from "../../api/queries";
import type { Conversation } from "../../api/types";
import { randomId } from "../../browser";
import { giveBack } from "../../persisted";
import { announce } from "./otherTabs";
import { isLive, isReturned, isStored, newTurn, storedParent, streamTurn, withChunk, type Turn, type TurnRequest } from "./turn";

/** When the service is asked whether it has stored a turn: it takes a moment to notice a stop. */
const STORED_MS = [0, 300, 700, 1500, 3000];
/** Client errors of which another try can end differently. */
const PASSING = [401, 408, 409, 425, 429];

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

class Turns {
  private turns: readonly Turn[] = [];
  private aborts = new Map<string, AbortController>();
  /** Ends once the last turn of a conversation is stored. */
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
    void this.run(turn);
    return turn.key;
  }

  stop(key: string): void {
    this.aborts.get(key)?.abort();
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
    const abort = new AbortController();
    this.aborts.set(turn.key, abort);
    let listed = turn.conversationId !== null;
    try {
      const request = await this.placed(turn);
      abort.signal.throwIfAborted();
      for await (const chunk of streamTurn(request, abort.signal)) {
        turn = withChunk(turn, chunk);
        this.put(turn);
        if (!listed && turn.conversationId) listed = this.begin(turn.conversationId, turn.request);
        if (turn.state === "failed") break;
      }
      if (turn.state !== "failed") turn = { ...turn, state: "done" };
    } catch (error) {
      turn = abort.signal.aborted ? { ...turn, state: "stopped" } : failed(turn, error as Error);
    }
    this.aborts.delete(turn.key);
    if (isReturned(turn) && turn.request.draft && turn.request.text) giveBack(turn.request.draft, turn.request.text);
    this.put(turn);
    const settled = this.settle(turn);
    if (turn.conversationId) this.settling.set(turn.conversationId, settled);
    await settled;
  }

  /** The request with a parent that is stored, once the turns before it are. */
  private async placed({ key, request }: Turn): Promise<TurnRequest> {
    const id = request.conversationId;
    if (id === null || !this.settling.has(id)) return request;
    await this.settling.get(id);
    this.settling.delete(id);
    const earlier = this.turns.filter((turn) => turn.conversationId === id && turn.key !== key);
    const stored = storedIds(id);
    if (!stored) return request;
    this.set(this.turns.filter((turn) => !earlier.includes(turn)));
    return { ...request, parentId: storedParent(request.parentId, stored, earlier) };
  }

  /** Lists a new conversation and saves its consent to training. */
  private begin(conversation: string, { training }: TurnRequest): true {
    const ready = training ? conversations.update(conversation, { training }) : Promise.resolve();
    void ready.finally(() => {
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

export const turns = new Turns();

export function useTurns(): readonly Turn[] {
  return useSyncExternalStore(turns.subscribe, turns.all);
}
