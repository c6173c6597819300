/** Below a comparison, and always in view: how many answers have a rank, and the buttons that end it. */
import type { ReactNode } from "react";
import { ErrorMessage } from "../../../components/feedback/ErrorMessage";
import { t } from "../../../i18n";
import type { Slots } from "./ranking";

export function RankBar({ slots, error, children }: { slots: Slots; error: unknown; children: ReactNode }) {
  return (
    <div className="sticky bottom-0 z-10 -mx-1 mt-3 rounded-t-2xl border border-line bg-surface p-3 shadow-soft">
      <ErrorMessage error={error} className="mb-3" />
      <div className="flex flex-wrap items-center justify-end gap-3">
        <p className="me-auto text-sm text-muted tabular-nums">
          {t("{{done}} of {{all}} ranked", { done: slots.flat().length, all: slots.length })}
        </p>
        {children}
      </div>
    </div>
  );
}
