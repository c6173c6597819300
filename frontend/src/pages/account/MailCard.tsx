/** An e-mail address for digests of the inbox: entered, confirmed by a code, removed. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { mail, useMail } from "../../api/account";
import { Button } from "../../components/Button";
import { Card } from "../../components/Card";
import { ErrorMessage } from "../../components/feedback/ErrorMessage";
import { Field } from "../../components/Field";
import { Trans, t } from "../../i18n";

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
    <Card title={t("By e-mail")} className="mb-5">
      {data.confirmed ? (
        <p className="text-sm text-muted">
          <Trans i18nKey="What is unread is sent to <bdi>{{address}}</bdi>, at most once a day." values={{ address: data.address }} components={{ bdi: <bdi className="font-medium text-ink" /> }} />
        </p>
      ) : (
        <form onSubmit={submit} className="flex flex-wrap items-end gap-2">
          <Field
            label={waits ? t("Code sent to {{address}}", { address: data.address ?? "" }) : t("E-mail address")}
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
            {waits ? t("Confirm") : t("Send a code")}
          </Button>
        </form>
      )}
      {data.address && (
        <Button small className="mt-3" disabled={remove.isPending} onClick={() => remove.mutate()}>
          {data.confirmed ? t("Unsubscribe") : t("Use another address")}
        </Button>
      )}
      <ErrorMessage error={send.error ?? remove.error} className="mt-3" />
    </Card>
  );
}
