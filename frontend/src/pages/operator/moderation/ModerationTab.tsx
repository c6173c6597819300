/** Moderation for operators: flagged messages, appeals, retraining, rules and evaluation. */
import clsx from "clsx";
import { useSearchParams } from "react-router";
import { PageHeading } from "../../../components/PageHeading";
import { t } from "../../../i18n";
import { Appeals } from "./Appeals";
import { Retraining } from "./Retraining";
import { FilterEvaluation } from "./FilterEvaluation";
import { Rules } from "./Rules";
import { FlaggedMessages } from "./FlaggedMessages";

const VIEWS = {
  verdicts: { label: t("Flagged"), hint: t("Messages the filter flagged or blocked, newest first."), View: FlaggedMessages },
  appeals: {
    label: t("Appeals"),
    hint: t("Users who disagree with the filter. Your decisions are sent to them and become labeled examples."),
    View: Appeals,
  },
  learning: {
    label: t("Retraining"),
    hint: t("Retrains the filter on decided appeals whose owners have consented to training."),
    View: Retraining,
  },
  rules: {
    label: t("Rules"),
    hint: t("Thresholds and actions per category. Changes apply from the next message, without a restart."),
    View: Rules,
  },
  measured: {
    label: t("Evaluation"),
    hint: t("How well the default filter performs on texts it was not trained on, and what it misses."),
    View: FilterEvaluation,
  },
};
type ViewName = keyof typeof VIEWS;

export function ModerationTab() {
  const [params, setParams] = useSearchParams();
  const asked = params.get("view") ?? "";
  const shown = (asked in VIEWS ? asked : "verdicts") as ViewName;
  const { View, hint } = VIEWS[shown];
  return (
    <>
      <PageHeading title={t("Moderation")} hint={hint}>
        <div role="group" aria-label={t("View")} className="flex flex-wrap rounded-xl border border-line bg-panel p-0.5">
          {(Object.keys(VIEWS) as ViewName[]).map((name) => (
            <button
              key={name}
              type="button"
              aria-pressed={name === shown}
              onClick={() => setParams({ view: name })}
              className={clsx(
                "rounded-[10px] px-1.5 py-1.5 text-sm font-medium sm:px-3",
                name === shown ? "bg-surface text-ink shadow-soft ring-1 ring-line-strong" : "text-muted hover:text-ink",
              )}
            >
              {VIEWS[name].label}
            </button>
          ))}
        </div>
      </PageHeading>
      <View />
    </>
  );
}
