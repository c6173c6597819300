/** A dialog, and a confirmation dialog. */
import clsx from "clsx";
import { X } from "lucide-react";
import { AlertDialog as Alert, Dialog as Radix } from "radix-ui";
import { useState, type ReactNode } from "react";
import { t } from "../i18n";
import { Button } from "./Button";
import { ErrorMessage } from "./feedback/ErrorMessage";

const SHADE = "fixed inset-0 z-40 animate-appear bg-black/35 backdrop-blur-[2px] dark:bg-black/55";
const BOX =
  "fixed top-1/2 left-1/2 z-50 max-h-[90dvh] w-[calc(100vw-2rem)] -translate-x-1/2 -translate-y-1/2 overflow-y-auto " +
  "rounded-2xl border border-line bg-surface p-6 shadow-float animate-appear";

interface DialogProps {
  open: boolean;
  onClose: () => void;
  title: string;
  description?: ReactNode;
  wide?: boolean;
  children: ReactNode;
}

export function Dialog({ open, onClose, title, description, wide, children }: DialogProps) {
  return (
    <Radix.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Radix.Portal>
        <Radix.Overlay className={SHADE} />
        <Radix.Content
          className={clsx(BOX, wide ? "max-w-2xl" : "max-w-lg")}
          {...(!description && { "aria-describedby": undefined })}
        >
          <Radix.Title className="pe-8 text-lg font-semibold tracking-tight">{title}</Radix.Title>
          {description && <Radix.Description className="mt-1.5 text-sm text-muted">{description}</Radix.Description>}
          <div className="mt-4">{children}</div>
          <Radix.Close
            aria-label={t("Close")}
            className="absolute top-4 end-4 inline-flex size-8 items-center justify-center rounded-lg text-muted hover:bg-panel hover:text-ink"
          >
            <X aria-hidden className="size-4" />
          </Radix.Close>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

export function DialogButtons({ children }: { children: ReactNode }) {
  return <div className="mt-6 flex flex-wrap justify-end gap-2">{children}</div>;
}

interface ConfirmProps {
  open: boolean;
  onClose: () => void;
  title: string;
  children: ReactNode;
  action: string;
  danger?: boolean;
  /** The action. The dialog waits while it runs and shows its error. */
  onConfirm: () => Promise<unknown>;
}

export function Confirm({ open, onClose, title, children, action, danger, onConfirm }: ConfirmProps) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);

  function close() {
    setError(null);
    onClose();
  }

  async function confirm() {
    setBusy(true);
    setError(null);
    await onConfirm().then(close, setError);
    setBusy(false);
  }

  return (
    <Alert.Root open={open} onOpenChange={(next) => !next && close()}>
      <Alert.Portal>
        <Alert.Overlay className={SHADE} />
        <Alert.Content className={clsx(BOX, "max-w-md")}>
          <Alert.Title className="text-lg font-semibold tracking-tight">{title}</Alert.Title>
          <Alert.Description asChild>
            <div className="mt-2 text-sm text-muted">{children}</div>
          </Alert.Description>
          <ErrorMessage error={error} className="mt-4" />
          <DialogButtons>
            <Alert.Cancel asChild>
              <Button>{t("Cancel")}</Button>
            </Alert.Cancel>
            <Button kind={danger ? "danger" : "primary"} disabled={busy} onClick={() => void confirm()}>
              {action}
            </Button>
          </DialogButtons>
        </Alert.Content>
      </Alert.Portal>
    </Alert.Root>
  );
}
