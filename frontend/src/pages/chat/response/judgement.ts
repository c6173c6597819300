/** Giving feedback on answers, and what one has given already. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { feedback } from "../../../api/client";
import type { Conversation, FeedbackBody, FeedbackKind, FeedbackRow, Message } from "../../../api/types";
import { randomId } from "../../../browser";

/** One's own judgement of that kind that stands. */
export function given(message: Message, kind: FeedbackKind): FeedbackRow | undefined {
  return message.feedback.findLast((row) => row.kind === kind);
}

/** Sends a judgement, the same one once however often it is tried, and shows it as kept. */
export function useGive(message: Message) {
  const show = useShow(message);
  return useMutation({
    mutationFn: ({ body, key }: { body: FeedbackBody; key: string }) => feedback.give(body, key),
    onSuccess: (row) => show((rows) => [...rows.filter((other) => other.kind !== row.kind), row]),
    retry: 2,
  });
}

/** One key for each judgement, kept over retries. */
export const judgement = (body: FeedbackBody) => ({ body, key: randomId() });

export function useWithdraw(message: Message) {
  const show = useShow(message);
  return useMutation({
    mutationFn: (row: string) => feedback.withdraw(row),
    onSuccess: (_, row) => show((rows) => rows.filter((other) => other.id !== row)),
  });
}

function useShow(message: Message) {
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
