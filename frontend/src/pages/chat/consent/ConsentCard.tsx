/** The question about consent to training on the first visit. */
import { GraduationCap } from "lucide-react";
import { Button } from "../../../components/Button";
import { ErrorMessage } from "../../../components/feedback/ErrorMessage";
import { t } from "../../../i18n";
import { useConsent } from "./consent";

export function ConsentCard() {
  const consent = useConsent();
  return (
    <section
      aria-labelledby="consent-title"
      className="mx-auto mt-5 w-[calc(100%-2rem)] max-w-[45rem] rounded-2xl border border-line bg-surface p-5 shadow-soft"
    >
      <div className="flex gap-4">
        <span className="hidden size-10 shrink-0 items-center justify-center rounded-xl bg-accent-soft text-accent-ink sm:inline-flex">
          <GraduationCap aria-hidden className="size-5" />
        </span>
        <div className="min-w-0 flex-1">
          <h2 id="consent-title" className="font-semibold">
            {t("Help improve Tutelage?")}
          </h2>
          <p className="mt-1.5 text-sm text-muted">
            {t("If you agree, your messages, your ratings and what you do with answers, such as copying them, can be used to train the next version. You can change this per conversation and delete conversations at any time. Models already trained on a conversation are not retrained. If you decline, your conversations are saved for you but not used for training.")}
          </p>
          <ErrorMessage error={consent.error} className="mt-3" />
          <div className="mt-4 flex flex-wrap gap-2">
            <Button kind="primary" disabled={consent.isPending} onClick={() => consent.mutate(true)}>
              {t("Allow training")}
            </Button>
            <Button disabled={consent.isPending} onClick={() => consent.mutate(false)}>
              {t("Don't allow")}
            </Button>
          </div>
        </div>
      </div>
    </section>
  );
}
