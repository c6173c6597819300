/** What this browser remembers of a conversation: its draft, the branches in view, and an open comparison. */
import { useCallback } from "react";
import { messageDraft, persist, persisted, usePersisted } from "../../persisted";
import type { Branches } from "./tree";

const branchesName = (conversation: string | undefined) => `branches.${conversation ?? "new"}`;

/** The name of the completion whose answers are being compared. */
export const comparisonName = (conversation: string | undefined) => `comparison.${conversation ?? "new"}`;

export function forgetConversation(conversation: string): void {
  for (const name of [messageDraft(conversation), branchesName(conversation), comparisonName(conversation)]) persist(name, null);
}

const NONE: Branches = {};

/** The branches chosen in a conversation, and how to choose one (or, with null, the newest). */
export function useBranches(conversation: string | undefined) {
  const name = branchesName(conversation);
  const [branches, write] = usePersisted<Branches>(name, NONE);
  const choose = useCallback(
    (parent: string, child: string | null) => {
      const { [parent]: _, ...others } = persisted<Branches>(name, NONE);
      write(child ? { ...others, [parent]: child } : others);
    },
    [name, write],
  );
  return [branches, choose] as const;
}
