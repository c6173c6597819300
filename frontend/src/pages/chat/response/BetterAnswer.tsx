/** The editor of a better answer. */
import type { Message } from "../../../api/types";
import { Button } from "../../../components/Button";
import { TextBox } from "../../../components/TextBox";
import { Dialog, DialogButtons } from "../../../components/Dialog";
import { ErrorMessage } from "../../../components/feedback/ErrorMessage";
import { useToast } from "../../../components/feedback/Toast";
import { t } from "../../../i18n";
import { TextDiff } from "./TextDiff";
import { usePersisted } from "../../../persisted";
import { givenFeedback, withKey, useSendFeedback } from "./feedback";

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
      title={t("Suggest a better answer")}
      description={t("Edit the answer to what it should have said. If training is on for this conversation, the model learns from your version.")}
    >
      <Editor message={message} onClose={onClose} />
    </Dialog>
  );
}

function Editor({ message, onClose }: Omit<BetterAnswerProps, "open">) {
  const before = (givenFeedback(message, "edit")?.value.text as string | undefined) ?? message.content;
  const [text, setText] = usePersisted(`better.${message.id}`, before);
  const give = useSendFeedback(message);
  const toast = useToast();

  function submit() {
    give.mutate(withKey({ message_id: message.id, kind: "edit", text }), {
      onSuccess: (row) => {
        if (!row.moderation) toast(t("Thanks. Your answer was saved."));
        end();
      },
    });
  }

  function end() {
    setText(null);
    onClose();
  }

  return (
    <>
      <TextBox label={t("Better answer")} rows={10} value={text} onChange={setText} />
      {text.trim() !== message.content.trim() && <TextDiff before={message.content} after={text} />}
      <ErrorMessage error={give.error} className="mt-3" />
      <DialogButtons>
        <Button onClick={end}>{t("Cancel")}</Button>
        <Button
          kind="primary"
          disabled={give.isPending || text.trim() === "" || text.trim() === before.trim()}
          onClick={submit}
        >
          {t("Send answer")}
        </Button>
      </DialogButtons>
    </>
  );
}
