/** A conversation is a tree of messages: siblings are alternatives, edits or regenerations. */
import type { Message } from "../../api/types";

/** Which child was chosen below a message (or below "root"). Without a choice: the newest branch. */
export type Branches = Record<string, string>;

export const ROOT = "root";

type Children = Map<string, Message[]>;

export const keyOf = (parentId: string | null): string => parentId ?? ROOT;

function byAge(a: Message, b: Message): number {
  return a.created_at - b.created_at || (a.choice ?? 0) - (b.choice ?? 0) || (a.id < b.id ? -1 : 1);
}

function childrenOf(messages: readonly Message[]): Children {
  const children: Children = new Map();
  for (const message of [...messages].sort(byAge)) {
    const key = keyOf(message.parent_id);
    children.set(key, [...(children.get(key) ?? []), message]);
  }
  return children;
}

/** When the branch that begins with this message was last added to. */
function touched(message: Message, children: Children): number {
  const below = children.get(message.id) ?? [];
  return Math.max(message.created_at, ...below.map((child) => touched(child, children)));
}

function chosen(siblings: readonly Message[], children: Children, choice: string | undefined): Message | undefined {
  const explicit = siblings.find((message) => message.id === choice);
  if (explicit) return explicit;
  const ages = siblings.map((message) => touched(message, children));
  return siblings[ages.lastIndexOf(Math.max(...ages))];
}

/** The messages of the branch in view, from the root to its leaf. */
export function visiblePath(messages: readonly Message[], branches: Branches): Message[] {
  const children = childrenOf(messages);
  const path: Message[] = [];
  let key = ROOT;
  for (;;) {
    const next = chosen(children.get(key) ?? [], children, branches[key]);
    if (!next) return path;
    path.push(next);
    key = next.id;
  }
}

/** A message's siblings, oldest first, itself included. */
export function siblingsOf(messages: readonly Message[], message: Message): Message[] {
  return messages.filter((other) => other.parent_id === message.parent_id && other.role === message.role).sort(byAge);
}

/** The answers that were given side by side with this one, by choice. */
export function alternativesOf(messages: readonly Message[], message: Message): Message[] {
  if (!message.completion_id) return [message];
  return messages.filter((other) => other.completion_id === message.completion_id).sort(byAge);
}
