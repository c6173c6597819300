/** An e-mail address for digests of the inbox: entered, confirmed by a code, removed. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { mail, useMail } from "../../api/account";
import { Button } from "../../components/Button";
import { Card } from "../../components/Card";
import { ErrorMessage } from "../../components/feedback/ErrorMessage";
import { Field } from "../../components/Field";

export function MailCard() {
  const { data } = useMail();
  const client = useQueryClient();
  const [text, setText] = useState("");
  const onSuccess = (state: typeof data) => {
    client.setQueryData(["account", "mail"], state);
    setText("");
  };
  const waits = data?.address != null && !data.confirmed;
  const send = useMutation({ mutationFn: () => (waits ? mail.confirm(text) : mail.set(text)), onSuccess });
  const remove = useMutation({ mutationFn: mail.remove, onSuccess });
  if (!data?.available && !data?.address) return null;

  function submit(event: FormEvent) {
    event.preventDefault();
    send.mutate();
  }

  return (
    <Card title="By e-mail" className="mb-5">
      {data.confirmed ? (
        <p className="text-sm text-muted">
          What is unread is sent to <bdi className="font-medium text-ink">{data.address}</bdi>, at most once a day.
        </p>
      ) : (
        <form onSubmit={submit} className="flex flex-wrap items-end gap-2">
          <Field
            label={waits ? `Code sent to ${data.address}` : "E-mail address"}
            type={waits ? "text" : "email"}
            inputMode={waits ? "numeric" : "email"}
            autoComplete={waits ? "one-time-code" : "email"}
            maxLength={200}
            required
            value={text}
            onChange={(event) => setText(event.target.value)}
            className="min-w-56 flex-1"
          />
          <Button type="submit" className="h-10" disabled={text.trim() === "" || send.isPending}>
            {waits ? "Confirm" : "Send a code"}
          </Button>
        </form>
      )}
      {data.address && (
        <Button small className="mt-3" disabled={remove.isPending} onClick={() => remove.mutate()}>
          {data.confirmed ? "Unsubscribe" : "Use another address"}
        </Button>
      )}
      <ErrorMessage error={send.error ?? remove.error} className="mt-3" />
    </Card>
  );
}
