/** Chat state in local storage: drafts and the branch in view. */
import { useCallback, useState } from "react";
import { forget, remember, remembered, rememberedJson } from "../../local";
import type { Branches } from "./tree";

const draftKey = (conversation: string | undefined) => `tutelage.draft.${conversation ?? "new"}`;
const branchKey = (conversation: string) => `tutelage.branches.${conversation}`;

export function readDraft(conversation: string | undefined): string {
  return remembered(draftKey(conversation)) ?? "";
}

export function saveDraft(conversation: string | undefined, text: string): void {
  if (text) remember(draftKey(conversation), text);
  else forget(draftKey(conversation));
}

export function forgetConversation(conversation: string): void {
  forget(draftKey(conversation));
  forget(branchKey(conversation));
}

function readBranches(conversation: string | undefined): Branches {
  return (conversation && rememberedJson<Branches>(branchKey(conversation))) || {};
}

/** The branches chosen in a conversation, and how to choose one (or, with null, the newest). */
export function useBranches(conversation: string | undefined) {
  const [state, setState] = useState({ conversation, branches: readBranches(conversation) });
  const current = state.conversation === conversation ? state.branches : readBranches(conversation);
  if (state.conversation !== conversation) setState({ conversation, branches: current });

  const choose = useCallback(
    (parent: string, child: string | null) => {
      setState((before) => {
        const { [parent]: _, ...others } = before.branches;
        const branches = child ? { ...others, [parent]: child } : others;
        if (conversation) remember(branchKey(conversation), JSON.stringify(branches));
        return { conversation, branches };
      });
    },
    [conversation],
  );
  return [current, choose] as const;
}
