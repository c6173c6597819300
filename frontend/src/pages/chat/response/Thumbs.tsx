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
import { givenFeedback, withKey, useSendFeedback, useWithdrawFeedback } from "./feedback";

const REASONS: Record<Thumb, Chip[]> = {
  up: [
    { value: "correct", label: "Correct" },
    { value: "clear", label: "Clear" },
    { value: "complete", label: "Complete" },
    { value: "right_length", label: "Right length" },
    { value: "good_tone", label: "Good tone" },
  ],
  down: [
    { value: "incorrect", label: "Incorrect" },
    { value: "off_topic", label: "Didn't answer the question" },
    { value: "too_long", label: "Too long" },
    { value: "too_short", label: "Too short" },
    { value: "unclear", label: "Hard to follow" },
    { value: "bad_tone", label: "Wrong tone" },
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
              label={thumb === "up" ? "Good answer" : "Bad answer"}
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
          aria-label="Rating details"
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
        if (!row.moderation) toast("Thanks for your feedback.");
        onClose();
      },
    });
  }

  return (
    <>
      <p className="text-sm font-medium">{thumb === "up" ? "What was good?" : "What was wrong?"}</p>
      <p className="mt-0.5 mb-3 text-xs text-muted">Rating saved. Tell us why? (optional)</p>
      <Chips label="Reasons" chips={REASONS[thumb]} chosen={reasons} onChange={setReasons} />
      <TextBox label="Comment" placeholder="Anything else?" rows={2} className="mt-3" value={comment} onChange={setComment} />
      <ErrorMessage error={give.error} className="mt-3" />
      <div className="mt-3 flex justify-end gap-2">
        <Button small onClick={onClose}>
          Skip
        </Button>
        <Button small kind="primary" disabled={empty || give.isPending} onClick={submit}>
          Send
        </Button>
      </div>
    </>
  );
}
