/** The message of an error, with a button to retry. */
import clsx from "clsx";
import { CircleAlert, RotateCcw } from "lucide-react";
import { Button } from "../Button";

interface ErrorMessageProps {
  error: unknown;
  onRetry?: () => void;
  className?: string;
}

export function ErrorMessage({ error, onRetry, className }: ErrorMessageProps) {
  if (!error) return null;
  const message = error instanceof Error ? error.message : String(error);
  return (
    <div
      role="alert"
      className={clsx(
        "flex flex-wrap items-center gap-x-3 gap-y-2 rounded-xl bg-danger-soft px-4 py-3 text-sm text-danger",
        className,
      )}
    >
      <CircleAlert aria-hidden className="size-4.5 shrink-0" />
      <p className="min-w-0 flex-1 basis-56">{message}</p>
      {onRetry && (
        <Button small icon={RotateCcw} onClick={onRetry}>
          Try again
        </Button>
      )}
    </div>
  );
}
