/** Consent to training: the user's default, and that of one conversation. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { conversations, session } from "../../../api/client";
import type { Conversation } from "../../../api/types";

/** Sets the default for new conversations. */
export function useConsent() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: session.consent,
    onSuccess: (state) => client.setQueryData(["session"], state),
  });
}

/** Sets the consent of one conversation. */
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
