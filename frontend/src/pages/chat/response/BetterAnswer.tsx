/** A better answer, written by the person: the strongest lesson that one can give. */
import { useState } from "react";
import type { Message } from "../../../api/types";
import { Button } from "../../../components/Button";
import { TextBox } from "../../../components/Chips";
import { Dialog, DialogButtons } from "../../../components/Dialog";
import { Problem } from "../../../components/Problem";
import { useToast } from "../../../components/Toast";
import { Difference } from "./Difference";
import { given, judgement, useGive } from "./judgement";

interface BetterAnswerProps {
  message: Message;
  open: boolean;
  onClose: () => void;
}

export function BetterAnswer({ message, open, onClose }: BetterAnswerProps) {
  return (
    <Dialog
      wide
      open={open}
      onClose={onClose}
      title="Suggest a better answer"
      description="Edit the answer to what it should have said. If training is on for this conversation, the model learns from your version."
    >
      <Editor message={message} onClose={onClose} />
    </Dialog>
  );
}

function Editor({ message, onClose }: Omit<BetterAnswerProps, "open">) {
  const before = (given(message, "edit")?.value.text as string | undefined) ?? message.content;
  const [text, setText] = useState(before);
  const give = useGive(message);
  const toast = useToast();

  function submit() {
    give.mutate(judgement({ message_id: message.id, kind: "edit", text: text.trim() }), {
      onSuccess: () => {
        toast("Thanks. Your answer was saved.");
        onClose();
      },
    });
  }

  return (
    <>
      <TextBox label="Better answer" rows={10} value={text} onChange={setText} />
      {text.trim() !== message.content.trim() && <Difference before={message.content} after={text} />}
      <Problem error={give.error} className="mt-3" />
      <DialogButtons>
        <Button onClick={onClose}>Cancel</Button>
        <Button
          kind="primary"
          disabled={give.isPending || text.trim() === "" || text.trim() === before.trim()}
          onClick={submit}
        >
          Send answer
        </Button>
      </DialogButtons>
    </>
  );
}
