/** The running turns of all conversations; they continue while another page is open. */
import { useSyncExternalStore } from "react";
import { conversations } from "../../api/client";
import { queryClient } from "../../api/queries";
import type { Conversation } from "../../api/types";
import { randomId } from "../../browser";
import { isLive, newTurn, streamTurn, withChunk, type Turn, type TurnRequest } from "./turn";

const STORE_MS = 400; // how long the service may take to notice a stop and store the answer's part

class Turns {
  private turns: readonly Turn[] = [];
  private aborts = new Map<string, AbortController>();
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
    const others = this.turns.filter(
      (other) => request.conversationId === null || other.conversationId !== request.conversationId,
    );
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

  private async run(turn: Turn): Promise<void> {
    const abort = new AbortController();
    this.aborts.set(turn.key, abort);
    let listed = turn.conversationId !== null;
    try {
      for await (const chunk of streamTurn(turn.request, abort.signal)) {
        turn = withChunk(turn, chunk);
        this.put(turn);
        if (!listed && turn.conversationId) listed = this.begin(turn.conversationId, turn.request);
        if (turn.state === "failed") break;
      }
      if (turn.state !== "failed") turn = { ...turn, state: "done" };
    } catch (error) {
      const stopped = abort.signal.aborted;
      turn = { ...turn, state: stopped ? "stopped" : "failed", error: stopped ? null : (error as Error).message };
    }
    this.aborts.delete(turn.key);
    this.put(turn);
    await this.settle(turn);
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

  /** Reads the conversation again; forgets a turn whose messages are all stored. */
  private async settle(turn: Turn): Promise<void> {
    if (turn.state === "stopped") await new Promise((resolve) => setTimeout(resolve, STORE_MS));
    const id = turn.conversationId;
    await queryClient.invalidateQueries({ queryKey: ["conversations"] });
    if (id === null) return;
    await queryClient.invalidateQueries({ queryKey: ["conversation", id] });
    const stored = queryClient.getQueryData<Conversation>(["conversation", id])?.messages ?? [];
    const ids = new Set(stored.map((message) => message.id));
    const whole = turn.answers.every((answer) => answer.messageId !== null && ids.has(answer.messageId));
    if (whole && turn.state !== "failed") this.forget(turn.key);
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

export const turns = new Turns();

export function useTurns(): readonly Turn[] {
  return useSyncExternalStore(turns.subscribe, turns.all);
}
