/** State of the current account that survives a reload: drafts, and the branch in view. In memory where storage is blocked. */
import { useCallback, useSyncExternalStore } from "react";
import { forget, personalKey, remember, rememberedJson } from "./local";

const values = new Map<string, unknown>();
const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function valueAt(key: string): unknown {
  if (!values.has(key)) values.set(key, rememberedJson(key));
  return values.get(key);
}

const kindOf = (value: unknown) => (Array.isArray(value) ? "array" : typeof value);

/** What was persisted under that name; without it, or where it is of another kind, the initial value. */
export function persisted<T>(name: string, initial: T): T {
  const value = valueAt(personalKey(name));
  return value !== null && kindOf(value) === kindOf(initial) ? (value as T) : initial;
}

/** Persists a value; null and the empty text delete it. */
export function persist(name: string, value: unknown): void {
  const key = personalKey(name);
  values.set(key, value === "" ? null : value);
  if (value === null || value === "") forget(key);
  else remember(key, JSON.stringify(value));
  listeners.forEach((listener) => listener());
}

/** Like useState, but persisted. Null deletes the value, after which it is the initial one again. */
export function usePersisted<T>(name: string, initial: T): [T, (value: T | null) => void] {
  const value = useSyncExternalStore(subscribe, () => valueAt(personalKey(name)));
  const write = useCallback((next: T | null) => persist(name, next), [name]);
  return [value !== null && kindOf(value) === kindOf(initial) ? (value as T) : initial, write];
}

/** The name of a conversation's unsent message. */
export const messageDraft = (conversation: string | undefined): string => `message.${conversation ?? "new"}`;

/** Gives a text back that could not be sent, in front of what has been written since. */
export function giveBack(name: string, text: string): void {
  const since = persisted(name, "");
  persist(name, since.trim() === "" ? text : `${text}\n\n${since}`);
}

/** A new conversation has its id now: what was written meanwhile belongs to it. */
export function moveDraft(from: string, to: string): void {
  const text = persisted(from, "");
  if (text === "") return;
  giveBack(to, text);
  persist(from, null);
}
