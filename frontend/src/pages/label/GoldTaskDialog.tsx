/** Creates a gold task: a prompt and its answers in their correct order, best first. */
import { useMutation } from "@tanstack/react-query";
import { Plus, X } from "lucide-react";
import { useState, type FormEvent } from "react";
import { labeling } from "../../api/labeling";
import { useRefresh } from "../../api/queries";
import { Button, IconButton } from "../../components/Button";
import { TextBox } from "../../components/TextBox";
import { Dialog, DialogButtons } from "../../components/Dialog";
import { Checkbox } from "../../components/Field";
import { ErrorMessage } from "../../components/feedback/ErrorMessage";
import { useToast } from "../../components/feedback/Toast";
import { t } from "../../i18n";

const MAX_ANSWERS = 9;

export interface GoldTaskDraft {
  prompt: string;
  /** Best first. */
  answers: { text: string; tied: boolean }[];
}

const blank = { text: "", tied: false };
export const EMPTY_GOLD_TASK: GoldTaskDraft = { prompt: "", answers: [blank, blank] };

/** `begin` is the initial draft; null: the dialog is closed. */
export function GoldTaskDialog({ begin, onClose }: { begin: GoldTaskDraft | null; onClose: () => void }) {
  return (
    <Dialog open={begin !== null} onClose={onClose} title={t("Create a gold task")}>
      {begin && <Form begin={begin} onClose={onClose} />}
    </Dialog>
  );
}

function Form({ begin, onClose }: { begin: GoldTaskDraft; onClose: () => void }) {
  const [{ prompt, answers }, setDraft] = useState(begin);
  const refresh = useRefresh();
  const toast = useToast();
  const change = (index: number, to: Partial<GoldTaskDraft["answers"][number]>) =>
    setDraft({ prompt, answers: answers.map((each, n) => (n === index ? { ...each, ...to } : each)) });
  const write = useMutation({
    mutationFn: () => labeling.writeGold(prompt.trim(), grouped(answers)),
    onSuccess: () => {
      toast(t("Gold task saved. You will not be scored on it."));
      void refresh("operator", "labeling");
      onClose();
    },
  });
  const ready = prompt.trim() !== "" && answers.every((each) => each.text.trim() !== "");

  function submit(event: FormEvent) {
    event.preventDefault();
    write.mutate();
  }

  return (
    <form onSubmit={submit} className="space-y-4">
      <p className="text-sm text-muted">
        {t("Labelers rank it like any other task and are not told that the order is known. Use answers whose correct order is beyond doubt.")}
      </p>
      <TextBox label={t("Prompt")} placeholder={t("The user's message")} rows={2} value={prompt} onChange={(text) => setDraft({ prompt: text, answers })} />
      <fieldset className="space-y-3">
        <legend className="mb-1.5 text-sm font-medium">{t("Answers, best first")}</legend>
        {answers.map((answer, index) => (
          <div key={index} className="flex items-start gap-2">
            <span aria-hidden className="w-5 pt-2.5 text-end text-sm text-muted tabular-nums">
              {index + 1}
            </span>
            <div className="flex-1 space-y-1.5">
              <TextBox label={t("Answer {{index}}", { index: index + 1 })} rows={2} value={answer.text} onChange={(text) => change(index, { text })} />
              {index > 0 && (
                <Checkbox label={t("Tied with the answer above")} checked={answer.tied} onChange={(tied) => change(index, { tied })} />
              )}
            </div>
            <IconButton
              icon={X}
              label={t("Remove answer {{index}}", { index: index + 1 })}
              disabled={answers.length <= 2}
              onClick={() => setDraft({ prompt, answers: answers.filter((_, n) => n !== index) })}
            />
          </div>
        ))}
        <Button small icon={Plus} disabled={answers.length >= MAX_ANSWERS} onClick={() => setDraft({ prompt, answers: [...answers, blank] })}>
          {t("Add answer")}
        </Button>
      </fieldset>
      <ErrorMessage error={write.error} />
      <DialogButtons>
        <Button onClick={onClose}>{t("Cancel")}</Button>
        <Button type="submit" kind="primary" disabled={!ready || write.isPending}>
          {t("Save")}
        </Button>
      </DialogButtons>
    </form>
  );
}

/** Answers grouped by rank; tied answers share a group. */
function grouped(answers: GoldTaskDraft["answers"]): string[][] {
  const groups: string[][] = [];
  answers.forEach(({ text, tied }, index) => {
    if (tied && index > 0) groups.at(-1)!.push(text.trim());
    else groups.push([text.trim()]);
  });
  return groups;
}
