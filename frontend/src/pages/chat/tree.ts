/** A conversation is a tree of messages: siblings are alternatives, edits or regenerations. */
import type { Message } from "../../api/types";

/** Which child was chosen below a message (or below "root"). Without a choice: the newest branch. */
export type Branches = Record<string, string>;

export const ROOT = "root";

export const keyOf = (parentId: string | null): string => parentId ?? ROOT;

/** The order of versions: as written, which is how the service lists them; answers of one completion by choice. */
function inOrder(messages: readonly Message[]): Message[] {
  return [...messages].sort((a, b) =>
    a.completion_id !== null && a.completion_id === b.completion_id ? (a.choice ?? 0) - (b.choice ?? 0) : 0,
  );
}

/** For each message, the place in the list of the last message in the branch that begins with it. */
function lastAdded(messages: readonly Message[]): Map<string, number> {
  const last = new Map<string, number>();
  for (let place = messages.length - 1; place >= 0; place--) {
    const { id, parent_id } = messages[place]!;
    const own = Math.max(place, last.get(id) ?? 0);
    last.set(id, own);
    if (parent_id) last.set(parent_id, Math.max(own, last.get(parent_id) ?? 0));
  }
  return last;
}

/** The messages below each message, and below the root. */
export function childrenOf(messages: readonly Message[]): Map<string, Message[]> {
  const children = new Map<string, Message[]>();
  for (const message of messages) {
    const siblings = children.get(keyOf(message.parent_id));
    if (siblings) siblings.push(message);
    else children.set(keyOf(message.parent_id), [message]);
  }
  return children;
}

/** The messages of the branch in view, from the root to its leaf. */
export function visiblePath(messages: readonly Message[], branches: Branches): Message[] {
  const children = childrenOf(messages);
  const last = lastAdded(messages);
  const newest = (siblings: Message[]) => inOrder(siblings).reduce((a, b) => (last.get(b.id)! >= last.get(a.id)! ? b : a));
  const path: Message[] = [];
  for (let siblings = children.get(ROOT); siblings; siblings = children.get(path.at(-1)!.id)) {
    const choice = branches[keyOf(siblings[0]!.parent_id)];
    path.push(siblings.find((message) => message.id === choice) ?? newest(siblings));
  }
  return path;
}

/** Among the messages below one parent, the versions of a message: oldest first, itself included. */
export function versionsOf(siblings: readonly Message[], message: Message): Message[] {
  return inOrder(siblings.filter((other) => other.role === message.role));
}

/** Among the messages below one parent, the answers given side by side with this one, by choice. */
export function alternativesOf(siblings: readonly Message[], message: Message): Message[] {
  if (!message.completion_id) return [message];
  return inOrder(siblings.filter((other) => other.completion_id === message.completion_id));
}
