/** Thumbs up and down, saved on click; reasons and a comment can follow. */
import { ThumbsDown, ThumbsUp } from "lucide-react";
import { Popover } from "radix-ui";
import { useRef, useState } from "react";
import type { Message, Thumb } from "../../../api/types";
import { onSingleClick } from "../../../clicks";
import { Button, IconButton } from "../../../components/Button";
import { Chips, type Chip } from "../../../components/Chips";
import { TextBox } from "../../../components/TextBox";
import { ErrorMessage } from "../../../components/feedback/ErrorMessage";
import { useToast } from "../../../components/feedback/Toast";
import { t } from "../../../i18n";
import { givenFeedback, withKey, useSendFeedback, useWithdrawFeedback } from "./feedback";

const REASONS: Record<Thumb, Chip[]> = {
  up: [
    { value: "correct", label: t("Correct") },
    { value: "clear", label: t("Clear") },
    { value: "complete", label: t("Complete") },
    { value: "right_length", label: t("Right length") },
    { value: "good_tone", label: t("Good tone") },
  ],
  down: [
    { value: "incorrect", label: t("Incorrect") },
    { value: "off_topic", label: t("Didn't answer the question") },
    { value: "too_long", label: t("Too long") },
    { value: "too_short", label: t("Too short") },
    { value: "unclear", label: t("Hard to follow") },
    { value: "bad_tone", label: t("Wrong tone") },
  ],
};

export function Thumbs({ message }: { message: Message }) {
  const [open, setOpen] = useState<Thumb | null>(null);
  const give = useSendFeedback(message);
  const withdraw = useWithdrawFeedback(message);
  const row = givenFeedback(message, "thumbs");
  const value = row?.value.value as Thumb | undefined;
  const given = give.variables?.body.kind === "thumbs" ? give.variables.body.value : null;
  const thumbs = useRef<HTMLSpanElement>(null);

  function press(thumb: Thumb) {
    if (withdraw.isPending || (give.isPending && given === thumb)) return;
    if (row && value === thumb) {
      setOpen(null);
      withdraw.mutate(row.id);
    } else {
      setOpen(thumb);
      give.mutate(withKey({ message_id: message.id, kind: "thumbs", value: thumb }));
    }
  }

  return (
    <Popover.Root open={open !== null} onOpenChange={(next) => !next && setOpen(null)}>
      <Popover.Anchor asChild>
        <span ref={thumbs} className="inline-flex">
          {(["up", "down"] as const).map((thumb) => (
            <IconButton
              key={thumb}
              icon={thumb === "up" ? ThumbsUp : ThumbsDown}
              label={thumb === "up" ? t("Good answer") : t("Bad answer")}
              aria-pressed={value === thumb}
              active={value === thumb}
              filled={value === thumb}
              onClick={(event) => onSingleClick(event, () => press(thumb))}
            />
          ))}
        </span>
      </Popover.Anchor>
      <Popover.Portal>
        <Popover.Content
          align="start"
          sideOffset={6}
          collisionPadding={12}
          aria-label={t("Rating details")}
          onInteractOutside={(event) => thumbs.current?.contains(event.target as Node) && event.preventDefault()}
          className="z-50 w-88 max-w-[calc(100vw-1.5rem)] animate-rise rounded-2xl border border-line bg-surface p-4 shadow-float"
        >
          {open && <RatingDetails key={open} thumb={open} message={message} give={give} onClose={() => setOpen(null)} />}
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

interface RatingDetailsProps {
  thumb: Thumb;
  message: Message;
  give: ReturnType<typeof useSendFeedback>;
  onClose: () => void;
}

function RatingDetails({ thumb, message, give, onClose }: RatingDetailsProps) {
  const [reasons, setReasons] = useState<string[]>([]);
  const [comment, setComment] = useState("");
  const toast = useToast();
  const empty = reasons.length === 0 && comment.trim() === "";

  function submit() {
    const body = { message_id: message.id, kind: "thumbs" as const, value: thumb, reasons, comment: comment.trim() };
    give.mutate(withKey(body), {
      onSuccess: (row) => {
        if (!row.moderation) toast(t("Thanks for your feedback."));
        onClose();
      },
    });
  }

  return (
    <>
      <p className="text-sm font-medium">{thumb === "up" ? t("What was good?") : t("What was wrong?")}</p>
      <p className="mt-0.5 mb-3 text-xs text-muted">{t("Rating saved. Tell us why? (optional)")}</p>
      <Chips label={t("Reasons")} chips={REASONS[thumb]} chosen={reasons} onChange={setReasons} />
      <TextBox label={t("Comment")} placeholder={t("Anything else?")} rows={2} className="mt-3" value={comment} onChange={setComment} />
      <ErrorMessage error={give.error} className="mt-3" />
      <div className="mt-3 flex justify-end gap-2">
        <Button small onClick={onClose}>
          {t("Skip")}
        </Button>
        <Button small kind="primary" disabled={empty || give.isPending} onClick={submit}>
          {t("Send")}
        </Button>
      </div>
    </>
  );
}
