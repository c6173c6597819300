/** The message of an error, with a button to retry. */
import clsx from "clsx";
import { CircleAlert, RotateCcw } from "lucide-react";
import { Link } from "react-router";
import { ApiError } from "../../api/client";
import { Trans, t } from "../../i18n";
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
      <p className="min-w-0 flex-1 basis-56 wrap-anywhere">
        {message}
        {error instanceof ApiError && error.status === 401 && (
          <>
            {" "}<Trans i18nKey="<a>Sign in</a>; what you wrote is kept." components={{ a: <Link to="/sign-in" className="font-medium underline underline-offset-3" /> }} />
          </>
        )}
      </p>
      {onRetry && (
        <Button small icon={RotateCcw} onClick={onRetry}>
          {t("Try again")}
        </Button>
      )}
    </div>
  );
}
