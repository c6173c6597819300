/** Reports a harmful answer to the operators. */
import { useState } from "react";
import type { Message } from "../../../api/types";
import { Button } from "../../../components/Button";
import { Chips, type Chip } from "../../../components/Chips";
import { TextBox } from "../../../components/TextBox";
import { Dialog, DialogButtons } from "../../../components/Dialog";
import { ErrorMessage } from "../../../components/feedback/ErrorMessage";
import { useToast } from "../../../components/feedback/Toast";
import { t } from "../../../i18n";
import { usePersisted } from "../../../persisted";
import { withKey, useSendFeedback } from "./feedback";

const CATEGORIES: Chip[] = [
  { value: "harmful", label: t("Dangerous or harmful") },
  { value: "bias", label: t("Biased or unfair") },
  { value: "hate", label: t("Hate or harassment") },
  { value: "sexual", label: t("Sexual content") },
  { value: "self-harm", label: t("Self-harm") },
  { value: "privacy", label: t("Private data") },
  { value: "misinformation", label: t("False or misleading") },
  { value: "other", label: t("Other") },
];

interface ReportAnswerProps {
  message: Message;
  open: boolean;
  onClose: () => void;
}

export function ReportAnswer({ message, open, onClose }: ReportAnswerProps) {
  return (
    <Dialog
      open={open}
      onClose={onClose}
      title={t("Report this answer")}
      description={t("The operators of this service will review your report together with the answer and its prompt.")}
    >
      <Form message={message} onClose={onClose} />
    </Dialog>
  );
}

function Form({ message, onClose }: Omit<ReportAnswerProps, "open">) {
  const [category, setCategory] = useState<string | null>(null);
  const [comment, setComment] = usePersisted(`report.${message.id}`, "");
  const give = useSendFeedback(message);
  const toast = useToast();

  function submit() {
    if (!category) return;
    give.mutate(withKey({ message_id: message.id, kind: "report", category, comment: comment.trim() }), {
      onSuccess: () => {
        setComment(null);
        toast(t("Thanks. Your report was sent."));
        onClose();
      },
    });
  }

  return (
    <>
      <p className="mb-2 text-sm font-medium">{t("What is wrong with this answer?")}</p>
      <Chips
        single
        label={t("Category")}
        chips={CATEGORIES}
        chosen={category ? [category] : []}
        onChange={([chosen]) => setCategory(chosen ?? null)}
      />
      <TextBox
        label={t("Comment")}
        placeholder={t("What should we know? (optional)")}
        className="mt-4"
        value={comment}
        onChange={setComment}
      />
      <ErrorMessage error={give.error} className="mt-3" />
      <DialogButtons>
        <Button onClick={onClose}>{t("Cancel")}</Button>
        <Button kind="primary" disabled={!category || give.isPending} onClick={submit}>
          {t("Send report")}
        </Button>
      </DialogButtons>
    </>
  );
}
