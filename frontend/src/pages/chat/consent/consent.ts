/** Whether conversations may be trained on: the person's default, and one conversation's own. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { conversations, session } from "../../../api/client";
import type { Conversation } from "../../../api/types";

/** Answers for all conversations that begin from now on. */
export function useConsent() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: session.consent,
    onSuccess: (state) => client.setQueryData(["session"], state),
  });
}

/** Answers for one conversation. */
export function useConversationConsent(id: string | undefined) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (training: boolean) => conversations.update(id!, { training }),
    onSuccess: ({ training }) => {
      client.setQueryData<Conversation>(["conversation", id], (before) => before && { ...before, training });
      void client.invalidateQueries({ queryKey: ["conversations"] });
    },
  });
}
