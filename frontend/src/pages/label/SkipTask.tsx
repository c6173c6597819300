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

const REASONS = [
  { value: "I don't know the subject", label: "I don't know the subject" },
  { value: "Not my language", label: "Not my language" },
  { value: "Upsetting content", label: "Upsetting content" },
  { value: "Private details", label: "Private details" },
  { value: "The task is broken", label: "The task is broken" },
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
        Skip
      </Button>
      <Dialog open={open} onClose={() => setOpen(false)} title="Skip this task" description="Tell us why. It helps us choose better tasks.">
        <Chips single label="Reason" chips={REASONS} chosen={reason} onChange={setReason} />
        <TextBox label="Other (please specify)" placeholder="Another reason" rows={2} className="mt-3" value={words} onChange={setWords} />
        <ErrorMessage error={skip.error} className="mt-3" />
        <DialogButtons>
          <Button onClick={() => setOpen(false)}>Cancel</Button>
          <Button
            kind="primary"
            disabled={(reason.length === 0 && words.trim() === "") || skip.isPending}
            onClick={() => skip.mutate()}
          >
            Skip
          </Button>
        </DialogButtons>
      </Dialog>
    </>
  );
}
