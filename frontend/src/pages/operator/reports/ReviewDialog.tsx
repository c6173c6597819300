/** Reviews a report: rate it, see similar ones, accept it as a test case, dismiss it, or mark a duplicate. */
import clsx from "clsx";
import { useState } from "react";
import { operator } from "../../../api/client";
import { useSimilarReports, useRefresh } from "../../../api/queries";
import type { Report, ReportDecision } from "../../../api/types";
import { Button } from "../../../components/Button";
import { Dialog, DialogButtons } from "../../../components/Dialog";
import { Field } from "../../../components/Field";
import { ErrorMessage } from "../../../components/feedback/ErrorMessage";
import { useToast } from "../../../components/feedback/Toast";
import { t } from "../../../i18n";
import { ReportedAnswer } from "./ReportCard";
import { RUBRIC, STEPS, type Rubric } from "./rubric";

interface ReviewDialogProps {
  report: Report;
  onClose: () => void;
}

export function ReviewDialog({ report, onClose }: ReviewDialogProps) {
  const [rubric, setRubric] = useState<Rubric>(report.rubric ?? { severity: 1, novelty: 1, harm: 1 });
  const [words, setWords] = useState({ pattern: "", credit: report.credit, note: report.note, answer: report.answer });
  const [problem, setProblem] = useState<unknown>(null);
  const refresh = useRefresh();
  const toast = useToast();

  async function decide(decision: ReportDecision, done: string) {
    try {
      await operator.reviewReport(report.id, { rubric, ...words, ...decision });
      await refresh("operator");
      toast(done);
      onClose();
    } catch (error) {
      setProblem(error);
    }
  }

  const field = (name: keyof typeof words) => ({
    value: words[name],
    onChange: (event: { target: { value: string } }) => setWords({ ...words, [name]: event.target.value }),
  });

  return (
    <Dialog open wide onClose={onClose} title={t("Review report")} description={t("Accepted reports become regression tests for later policies.")}>
      <ReportedAnswer report={report} />
      <div className="mt-5 space-y-3">
        {RUBRIC.map((question) => (
          <RubricRating key={question.name} {...question} value={rubric[question.name] ?? 0} onChange={(value) => setRubric({ ...rubric, [question.name]: value })} />
        ))}
      </div>
      <div className="mt-5 grid gap-4 sm:grid-cols-2">
        <Field label={t("Phrases that must not appear")} maxLength={200} {...field("pattern")} />
        <Field label={t("Credit")} maxLength={100} {...field("credit")} />
        <Field label={t("Note")} hint={t("For operators.")} maxLength={2000} className="sm:col-span-2" {...field("note")} />
        <Field label={t("Answer")} hint={t("The reporter reads it in their inbox.")} maxLength={2000} className="sm:col-span-2" {...field("answer")} />
      </div>
      <SimilarReports report={report} onDuplicate={(id) => void decide({ state: "duplicate", duplicate_of: id }, t("Marked as a duplicate."))} />
      <ErrorMessage error={problem} className="mt-4" />
      <DialogButtons>
        <Button onClick={() => void decide({ state: "dismissed" }, t("Report dismissed."))}>{t("Dismiss")}</Button>
        <Button kind="primary" onClick={() => void decide({ state: "accepted" }, t("Accepted. Later policies will be tested against it."))}>
          {t("Accept")}
        </Button>
      </DialogButtons>
    </Dialog>
  );
}

interface RubricRatingProps {
  label: string;
  ends: readonly [string, string];
  value: number;
  onChange: (value: number) => void;
}

function RubricRating({ label, ends, value, onChange }: RubricRatingProps) {
  return (
    <fieldset className="grid items-center gap-x-4 gap-y-1 sm:grid-cols-[12rem_1fr]">
      <legend className="sr-only">{label}</legend>
      <span aria-hidden className="text-sm font-medium">
        {label}
      </span>
      <span className="flex items-center gap-2 text-[13px] text-muted">
        <span className="w-16 text-end">{ends[0]}</span>
        {STEPS.map((step) => (
          <label
            key={step}
            className={clsx(
              "flex size-9 cursor-pointer items-center justify-center rounded-lg border text-sm tabular-nums",
              "has-focus-visible:outline-2 has-focus-visible:outline-accent",
              step === value ? "border-accent bg-accent/12 font-semibold text-ink" : "border-line-strong hover:bg-panel",
            )}
          >
            <input type="radio" name={label} checked={step === value} onChange={() => onChange(step)} className="sr-only" />
            {step}
          </label>
        ))}
        <span>{ends[1]}</span>
      </span>
    </fieldset>
  );
}

function SimilarReports({ report, onDuplicate }: { report: Report; onDuplicate: (id: string) => void }) {
  const found = useSimilarReports(report.id).data ?? [];
  if (found.length === 0) return null;
  return (
    <section className="mt-5">
      <h3 className="text-sm font-medium">{t("Possible duplicates")}</h3>
      <ul className="mt-2 space-y-2">
        {found.map((other) => (
          <li key={other.id} className="flex flex-wrap items-center gap-3 rounded-xl bg-panel px-3 py-2 text-sm">
            <span className="min-w-0 flex-1">
              <span className="line-clamp-2">{other.comment || other.content}</span>
              <span className="text-[13px] text-muted">
                {t("{{alike}}% similar · {{state}}", { alike: Math.round(other.alike * 100), state: other.state })}
              </span>
            </span>
            <Button small onClick={() => onDuplicate(other.id)}>
              {t("Mark as duplicate")}
            </Button>
          </li>
        ))}
      </ul>
    </section>
  );
}
