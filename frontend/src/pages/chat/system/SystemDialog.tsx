/** Chooses, writes and saves system prompts. */
import { useMutation } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { systemPrompts } from "../../../api/client";
import { useRefresh, useSession, useSystemPrompts } from "../../../api/queries";
import { Button } from "../../../components/Button";
import { Dialog, DialogButtons } from "../../../components/Dialog";
import { ErrorMessage } from "../../../components/feedback/ErrorMessage";
import { Checkbox, Field, Select } from "../../../components/Field";
import { TextBox } from "../../../components/TextBox";
import { t } from "../../../i18n";

/** As the service takes them. */
const LONGEST = { name: 60, text: 8000 };

interface SystemDialogProps {
  open: boolean;
  /** The text in force; empty: none. */
  text: string;
  action: string;
  hint?: string;
  onClose: () => void;
  /** With the empty text: no system prompt. */
  onUse: (text: string) => void;
}

export function SystemDialog({ open, text: inForce, action, hint, onClose, onUse }: SystemDialogProps) {
  const { data: saved = [], error } = useSystemPrompts();
  const { data: session } = useSession();
  const refresh = useRefresh();
  const [text, setText] = useState(inForce);
  const [name, setName] = useState("");
  const [shared, setShared] = useState(false);
  const operator = session?.user?.role === "operator";
  const chosen = saved.find((each) => each.text === text);
  const deletable = chosen && (operator || !chosen.shared) ? chosen : undefined;
  const save = useMutation({
    mutationFn: () => systemPrompts.save(name, text.trim(), shared && operator),
    onSuccess: (row) => {
      setText(row.text);
      setName("");
      return refresh("system-prompts");
    },
  });
  const erase = useMutation({
    mutationFn: (row: { id: string; shared: boolean }) => systemPrompts.erase(row.id, row.shared),
    onSuccess: () => refresh("system-prompts"),
  });
  useEffect(() => {
    if (open) setText(inForce);
  }, [open, inForce]);

  return (
    <Dialog open={open} onClose={onClose} wide title={t("System prompt")} description={hint ?? t("Instructions that the model reads before your first message.")}>
      <ErrorMessage error={error} className="mb-4" />
      {saved.length > 0 && (
        <Select
          label={t("Saved system prompts")}
          value={chosen?.id ?? ""}
          options={[
            { value: "", label: "—" },
            ...saved.map((each) => ({ value: each.id, label: each.shared ? t("{{name}} (for everyone)", { name: each.name }) : each.name })),
          ]}
          onChange={(event) => setText(saved.find((each) => each.id === event.target.value)?.text ?? "")}
          className="mb-4"
        />
      )}
      <TextBox label={t("Text of the system prompt")} rows={7} value={text} placeholder={t("You are a patient tutor. Ask before you explain.")} onChange={setText} />
      {text.length > LONGEST.text && (
        <p role="status" className="mt-1 text-[13px] text-danger">
          {t("{{length}} of {{limit}} characters", { length: text.length, limit: LONGEST.text })}
        </p>
      )}
      <div className="mt-4 flex flex-wrap items-end gap-2">
        <Field label={t("Name")} maxLength={LONGEST.name} value={name} onChange={(event) => setName(event.target.value)} className="min-w-40 flex-1" />
        <Button disabled={!name.trim() || !text.trim() || save.isPending} onClick={() => save.mutate()}>
          {t("Save under this name")}
        </Button>
        {deletable && (
          <Button disabled={erase.isPending} onClick={() => erase.mutate(deletable)}>
            {t("Delete “{{name}}”", { name: deletable.name })}
          </Button>
        )}
      </div>
      {operator && (
        <div className="mt-3">
          <Checkbox label={t("Offer it to everyone")} checked={shared} onChange={setShared} />
        </div>
      )}
      <p role="status" className="sr-only">
        {save.isSuccess && t("Saved.")}
      </p>
      <ErrorMessage error={save.error ?? erase.error} className="mt-3" />
      <DialogButtons>
        {inForce && <Button onClick={() => onUse("")}>{t("No system prompt")}</Button>}
        <Button onClick={onClose}>{t("Cancel")}</Button>
        <Button
          kind="primary"
          disabled={!text.trim() || text.trim() === inForce.trim() || text.length > LONGEST.text}
          onClick={() => onUse(text.trim())}
        >
          {action}
        </Button>
      </DialogButtons>
    </Dialog>
  );
}
