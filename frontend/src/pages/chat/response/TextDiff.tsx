/** The word-level difference between two texts. */
import { diffWords } from "diff";
import { t } from "../../../i18n";

export function TextDiff({ before, after }: { before: string; after: string }) {
  return (
    <div
      aria-label={t("Your changes")}
      role="region"
      tabIndex={0}
      className="mt-3 max-h-48 overflow-y-auto rounded-xl border border-line bg-panel px-3.5 py-2.5 text-sm whitespace-pre-wrap"
    >
      {diffWords(before, after).map((part, index) =>
        part.added ? (
          <ins key={index} className="rounded bg-good-soft text-good no-underline">
            {part.value}
          </ins>
        ) : part.removed ? (
          <del key={index} className="rounded bg-danger-soft text-danger">
            {part.value}
          </del>
        ) : (
          <span key={index}>{part.value}</span>
        ),
      )}
    </div>
  );
}
