/** The first visit's question, with what each answer means. */
import { GraduationCap } from "lucide-react";
import { Button } from "../../../components/Button";
import { Problem } from "../../../components/Problem";
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
            May your conversations teach Tutelage?
          </h2>
          <p className="mt-1.5 text-sm text-muted">
            If you agree, what you write and how you judge answers can be used to train its next version. You can decide
            otherwise for any conversation, and delete conversations; a version that has learned from one already keeps
            what it learned. If you decline, your conversations are kept for you, but never used for training.
          </p>
          <Problem error={consent.error} className="mt-3" />
          <div className="mt-4 flex flex-wrap gap-2">
            <Button kind="primary" disabled={consent.isPending} onClick={() => consent.mutate(true)}>
              Yes, they may
            </Button>
            <Button disabled={consent.isPending} onClick={() => consent.mutate(false)}>
              No, keep them out
            </Button>
          </div>
        </div>
      </div>
    </section>
  );
}
