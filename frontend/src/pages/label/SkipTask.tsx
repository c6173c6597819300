/** The dialog that skips a task and asks for the reason. */
import { useMutation } from "@tanstack/react-query";
import { SkipForward } from "lucide-react";
import { useState } from "react";
import { labeling, type Task } from "../../api/labeling";
import { Button } from "../../components/Button";
import { Chips } from "../../components/Chips";
import { Dialog, DialogButtons } from "../../components/Dialog";
import { ErrorMessage } from "../../components/feedback/ErrorMessage";
import { TextBox } from "../../components/TextBox";
import { t } from "../../i18n";

const REASONS = [
  { value: "I don't know the subject", label: t("I don't know the subject") },
  { value: "Not my language", label: t("Not my language") },
  { value: "Upsetting content", label: t("Upsetting content") },
  { value: "Private details", label: t("Private details") },
  { value: "The task is broken", label: t("The task is broken") },
];

interface SkipTaskProps {
  task: Task;
  seconds: () => number;
  onSkipped: () => void;
}

export function SkipTask({ task, seconds, onSkipped }: SkipTaskProps) {
  const [open, setOpen] = useState(false);
  const [reason, setReason] = useState<string[]>([]);
  const [words, setWords] = useState("");
  const skip = useMutation({
    mutationFn: () => labeling.skip(task.id, [...reason, words.trim()].filter(Boolean).join(". "), seconds()),
    onSuccess: () => {
      setOpen(false);
      onSkipped();
    },
  });
  return (
    <>
      <Button small kind="quiet" icon={SkipForward} onClick={() => setOpen(true)}>
        {t("Skip")}
      </Button>
      <Dialog open={open} onClose={() => setOpen(false)} title={t("Skip this task")} description={t("Tell us why. It helps us choose better tasks.")}>
        <Chips single label={t("Reason")} chips={REASONS} chosen={reason} onChange={setReason} />
        <TextBox label={t("Other (please specify)")} placeholder={t("Another reason")} rows={2} className="mt-3" value={words} onChange={setWords} />
        <ErrorMessage error={skip.error} className="mt-3" />
        <DialogButtons>
          <Button onClick={() => setOpen(false)}>{t("Cancel")}</Button>
          <Button
            kind="primary"
            disabled={(reason.length === 0 && words.trim() === "") || skip.isPending}
            onClick={() => skip.mutate()}
          >
            {t("Skip")}
          </Button>
        </DialogButtons>
      </Dialog>
    </>
  );
}
