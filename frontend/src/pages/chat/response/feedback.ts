/** Sends feedback on answers, and finds feedback already given. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { feedback } from "../../../api/client";
import type { Conversation, FeedbackBody, FeedbackKind, FeedbackRow, Message } from "../../../api/types";
import { randomId } from "../../../browser";

/** The user's active feedback of that kind. */
export function givenFeedback(message: Message, kind: FeedbackKind): FeedbackRow | undefined {
  return message.feedback.findLast((row) => row.kind === kind);
}

/** Sends feedback idempotently and shows it as saved. */
export function useSendFeedback(message: Message) {
  const show = useStoredFeedback(message);
  return useMutation({
    mutationFn: ({ body, key }: { body: FeedbackBody; key: string }) => feedback.give(body, key),
    onSuccess: (row) => show((rows) => [...rows.filter((other) => other.kind !== row.kind), row]),
    retry: 2,
    scope: { id: message.id }, // one after the other, as they were given
  });
}

/** Adds the idempotency key, which stays the same over retries. */
export const withKey = (body: FeedbackBody) => ({ body, key: randomId() });

export function useWithdrawFeedback(message: Message) {
  const show = useStoredFeedback(message);
  return useMutation({
    mutationFn: (row: string) => feedback.withdraw(row),
    onSuccess: (_, row) => show((rows) => rows.filter((other) => other.id !== row)),
  });
}

function useStoredFeedback(message: Message) {
  const client = useQueryClient();
  return (change: (rows: FeedbackRow[]) => FeedbackRow[]) =>
    client.setQueriesData<Conversation>({ queryKey: ["conversation"] }, (conversation) =>
      conversation && {
        ...conversation,
        messages: conversation.messages.map((each) =>
          each.id === message.id ? { ...each, feedback: change(each.feedback) } : each,
        ),
      },
    );
}
