/** Why moderation flagged a message, and the appeal. */
import { useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { moderation } from "../../../api/client";
import { useRefresh } from "../../../api/queries";
import type { Finding, VerdictDetail } from "../../../api/types";
import { Button } from "../../../components/Button";
import { TextBox } from "../../../components/TextBox";
import { Dialog, DialogButtons } from "../../../components/Dialog";
import { Skeleton } from "../../../components/feedback/Loading";
import { ErrorMessage } from "../../../components/feedback/ErrorMessage";
import { useToast } from "../../../components/feedback/Toast";
import { HighlightedText } from "../../../components/markdown/HighlightedText";
import { t } from "../../../i18n";
import { usePersisted } from "../../../persisted";
import { ago } from "../../../format";
import { categoryWords } from "../categories";

export function ModerationReason({ messageId }: { messageId: string }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      {[t("Why was this flagged?"), t("Appeal")].map((label) => (
        <button
          key={label}
          type="button"
          className="font-medium underline underline-offset-3 hover:no-underline"
          onClick={() => setOpen(true)}
        >
          {label}
        </button>
      ))}
      <Dialog
        open={open}
        onClose={() => setOpen(false)}
        title={t("Why this was flagged")}
        description={t("An automatic filter checks every message. It can make mistakes.")}
      >
        <VerdictDetails messageId={messageId} />
      </Dialog>
    </>
  );
}

function VerdictDetails({ messageId }: { messageId: string }) {
  const query = useQuery({ queryKey: ["moderation", messageId], queryFn: () => moderation.explain(messageId) });
  if (query.isPending) return <Skeleton lines={4} />;
  if (query.isError) return <ErrorMessage error={query.error} onRetry={() => void query.refetch()} />;
  const verdict = query.data;
  return (
    <>
      {verdict.failed ? (
        <p className="text-sm">{t("The filter could not check this text, so it was withheld as a precaution.")}</p>
      ) : (
        <ul className="space-y-3">
          {verdict.findings.map((finding) => (
            <FindingRow key={finding.category} finding={finding} />
          ))}
        </ul>
      )}
      <TriggerWords verdict={verdict} />
      <p className="mt-3 text-xs text-faint">{t("Filter version {{classifier}}", { classifier: verdict.classifier })}</p>
      <div className="mt-5 border-t border-line pt-4">
        {verdict.appeal ? <AppealState appeal={verdict.appeal} /> : <AppealForm messageId={messageId} />}
      </div>
    </>
  );
}

function FindingRow({ finding }: { finding: Finding }) {
  const percent = (share: number) => `${Math.round(share * 100)}%`;
  return (
    <li>
      <div className="flex items-baseline justify-between gap-3 text-sm">
        <span className="font-medium first-letter:uppercase">{categoryWords(finding.category)}</span>
        <span className="text-muted tabular-nums">
          {t("Score {{score}} (threshold {{threshold}})", { score: finding.score.toFixed(2), threshold: finding.threshold.toFixed(2) })}
        </span>
      </div>
      <div aria-hidden dir="ltr" className="relative mt-1.5 h-2 rounded-full bg-panel">
        <div className="h-full rounded-full bg-danger" style={{ width: percent(finding.score) }} />
        <div className="absolute -top-1 h-4 w-0.5 bg-ink" style={{ left: percent(finding.threshold) }} />
      </div>
    </li>
  );
}

/** The text with its trigger words highlighted; withheld text is not shown. */
function TriggerWords({ verdict }: { verdict: VerdictDetail }) {
  const spans = verdict.findings.flatMap(({ span }) => (span ? [span] : []));
  if (verdict.withheld)
    return <Note>{t("The blocked text is never displayed. Only the reviewer of your appeal can see it.")}</Note>;
  if (spans.length === 0) return null;
  return (
    <div className="mt-4">
      <p className="mb-1.5 text-[13px] font-medium text-muted">{t("Words that triggered the filter")}</p>
      <div className="max-h-48 overflow-y-auto rounded-xl border border-line bg-canvas px-3.5 py-2.5 text-sm wrap-anywhere whitespace-pre-wrap">
        <HighlightedText text={verdict.text} spans={spans} />
      </div>
    </div>
  );
}

function Note({ children }: { children: ReactNode }) {
  return <p className="mt-4 rounded-xl bg-panel px-3.5 py-2.5 text-sm text-muted">{children}</p>;
}

const APPEAL_STATES = {
  open: t("Appeal sent; waiting for review."),
  upheld: t("A reviewer upheld the filter's decision."),
  overturned: t("A reviewer overturned the filter's decision."),
};

function AppealState({ appeal }: { appeal: NonNullable<VerdictDetail["appeal"]> }) {
  return (
    <div className="text-sm" role="status">
      <p className="font-medium">{APPEAL_STATES[appeal.state]}</p>
      {appeal.answer && <p className="mt-1 border-s-2 border-line-strong ps-3 text-muted">{appeal.answer}</p>}
      <p className="mt-1 text-xs text-faint">{ago(appeal.decided_at ?? appeal.created_at)}</p>
    </div>
  );
}

function AppealForm({ messageId }: { messageId: string }) {
  const [comment, setComment] = usePersisted(`appeal.${messageId}`, "");
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const refresh = useRefresh();
  const toast = useToast();

  async function send() {
    setBusy(true);
    setError(null);
    try {
      await moderation.appeal(messageId, comment.trim());
      setComment(null);
      toast(t("Appeal sent."));
      await refresh("moderation", messageId);
    } catch (problem) {
      setError(problem);
    }
    setBusy(false);
  }

  return (
    <>
      <p className="mb-2 text-sm font-medium">{t("Think this is a mistake? A reviewer will read your message and decide.")}</p>
      <TextBox label={t("Your appeal")} placeholder={t("What did the filter misunderstand? (optional)")} value={comment} onChange={setComment} />
      <ErrorMessage error={error} className="mt-3" />
      <DialogButtons>
        <Button kind="primary" disabled={busy} onClick={() => void send()}>
          {t("Send appeal")}
        </Button>
      </DialogButtons>
    </>
  );
}
