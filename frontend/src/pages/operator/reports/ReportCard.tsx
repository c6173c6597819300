/** A report with its answer, its review, and the button to review it. */
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { operator } from "../../../api/client";
import { useRefresh } from "../../../api/queries";
import type { Report } from "../../../api/types";
import { Badge } from "../../../components/Badge";
import { Button } from "../../../components/Button";
import { useToast } from "../../../components/feedback/Toast";
import { ago, words } from "../../../format";
import { Card } from "../../../components/Card";
import { StateBadge } from "../../../components/StateBadge";
import { t } from "../../../i18n";
import { rubricText } from "./rubric";
import { ReviewDialog } from "./ReviewDialog";

export function ReportCard({ report }: { report: Report }) {
  const [deciding, setDeciding] = useState(false);
  return (
    <Card>
      <div className="flex flex-wrap items-center gap-2 text-sm">
        <StateBadge state={report.state} />
        <Badge>{words(report.category)}</Badge>
        <span className="text-[13px] text-muted">
          {ago(report.created_at)}
          {report.policy_id && ` · ${report.policy_id}`}
        </span>
        <span className="ms-auto flex gap-2">
          <AskCandidate report={report} />
          {report.state === "open" ? (
            <Button small onClick={() => setDeciding(true)}>
              {t("Review")}
            </Button>
          ) : (
            <Reopen report={report} />
          )}
        </span>
      </div>
      <ReportedAnswer report={report} />
      {report.again && (
        <blockquote className="mt-3 border-s-2 border-accent ps-4 text-sm text-muted">
          <p className="mb-1 flex flex-wrap items-center gap-2">
            <span className="font-medium text-ink">{t("Asked again: {{policyId}}", { policyId: report.again.policy_id })}</span>
            <Badge tone={report.again.fails ? "danger" : "good"}>{report.again.fails ? t("as bad as reported") : t("another answer")}</Badge>
            {report.again.blocked && <Badge tone="warn">{t("cut off by moderation")}</Badge>}
          </p>
          <p className="line-clamp-4">{report.again.content}</p>
        </blockquote>
      )}
      <ReviewSummary report={report} />
      {deciding && <ReviewDialog report={report} onClose={() => setDeciding(false)} />}
    </Card>
  );
}

/** The reported answer with its prompt and the user's comment. */
export function ReportedAnswer({ report }: { report: Report }) {
  return (
    <>
      {report.comment && <p className="mt-3 text-sm">{report.comment}</p>}
      <blockquote className="mt-3 space-y-2 border-s-2 border-line-strong ps-4 text-sm text-muted">
        <p className="line-clamp-2">
          <span className="font-medium text-ink">{t("Prompt")}</span> {report.prompt}
        </p>
        <p className="line-clamp-4">
          <span className="font-medium text-ink">{t("Answer")}</span> {report.content}
        </p>
      </blockquote>
    </>
  );
}

function ReviewSummary({ report }: { report: Report }) {
  const facts = [
    report.rubric && rubricText(report.rubric),
    report.duplicate_of && t("Duplicate of {{duplicateOf}}.", { duplicateOf: report.duplicate_of }),
    report.credit && t("Credit: {{credit}}.", { credit: report.credit }),
    report.note,
    report.answer && t("Answer to the reporter: {{answer}}", { answer: report.answer }),
  ].filter(Boolean);
  if (report.state === "open" || facts.length === 0) return null;
  return <p className="mt-3 text-[13px] text-muted">{facts.join(" ")}</p>;
}

/** Asks the newest candidate the reported prompt; the reporter sees its answer with the decision. */
function AskCandidate({ report }: { report: Report }) {
  const refresh = useRefresh();
  const toast = useToast();
  const ask = useMutation({
    mutationFn: () => operator.askAgain(report.id),
    onSuccess: () => refresh("operator"),
    onError: (error) => toast(error.message),
  });
  return (
    <Button small disabled={ask.isPending} onClick={() => ask.mutate()}>
      {ask.isPending ? t("Asking…") : t("Ask the candidate again")}
    </Button>
  );
}

function Reopen({ report }: { report: Report }) {
  const refresh = useRefresh();
  const toast = useToast();
  const reopen = useMutation({
    mutationFn: () => operator.reviewReport(report.id, { state: "open" }),
    onSuccess: () => refresh("operator"),
    onError: (error) => toast(error.message),
  });
  return (
    <Button small disabled={reopen.isPending} onClick={() => reopen.mutate()}>
      {t("Reopen")}
    </Button>
  );
}
