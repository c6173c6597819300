/** Retrains the filter on decided appeals, shows the effect, and activates a version. */
import { useQuery } from "@tanstack/react-query";
import { GraduationCap } from "lucide-react";
import { useState, type ReactNode } from "react";
import { moderation } from "../../../api/client";
import { useRefresh } from "../../../api/queries";
import type { LearnedHeads, Learning } from "../../../api/types";
import { Badge } from "../../../components/Badge";
import { Button } from "../../../components/Button";
import { ErrorMessage } from "../../../components/feedback/ErrorMessage";
import { useToast } from "../../../components/feedback/Toast";
import { ago } from "../../../format";
import { Card } from "../../../components/Card";
import { EmptyState } from "../../../components/feedback/EmptyState";
import { QueryResult } from "../../../components/feedback/QueryResult";
import { t } from "../../../i18n";
import { advice } from "./advice";
import { percent } from "./rules";

const KEY = ["operator", "moderation-learned"];
const FOLLOWED_MS = 3000;

export function Retraining() {
  const query = useQuery({
    queryKey: KEY,
    queryFn: moderation.learning,
    refetchInterval: ({ state }) => (state.data && isSwitching(state.data) ? FOLLOWED_MS : false),
  });
  return <QueryResult query={query}>{(learning) => <RetrainingView learning={learning} />}</QueryResult>;
}

/** Whether the service still runs other heads than the activated ones. */
function isSwitching({ running, in_force }: Learning): boolean {
  return running !== null && (in_force ? running !== in_force : running.includes("."));
}

function RetrainingView({ learning }: { learning: Learning }) {
  const [busy, setBusy] = useState<string | null>(null);
  const [error, setError] = useState<unknown>(null);
  const refresh = useRefresh();
  const toast = useToast();

  async function act(name: string, work: () => Promise<unknown>, done: string) {
    setBusy(name);
    setError(null);
    try {
      await work();
      toast(done);
      await refresh(...KEY);
    } catch (problem) {
      setError(problem);
    }
    setBusy(null);
  }
  const choose = (version: string | null) =>
    void act(version ?? "shipped", () => moderation.useHeads(version), version ? t("Filter activated.") : t("Default filter restored."));

  return (
    <div className="space-y-4">
      <Card>
        <div className="flex flex-wrap items-center justify-between gap-x-6 gap-y-3">
          <div className="min-w-0 flex-1 basis-80">
            <p className="text-[15px] font-semibold">{t("{{count}} decided appeals available for retraining", { count: learning.decisions })}</p>
            <p className="mt-0.5 text-sm text-muted">
              {learning.withheld > 0 && `${t("{{count}} more decisions cannot be used: the owners have not consented to training.", { count: learning.withheld })} `}
              {t("Retraining takes seconds, starts from the default filter, and changes nothing until you activate the result.")}
            </p>
          </div>
          <Button
            kind="primary"
            icon={GraduationCap}
            disabled={busy !== null || learning.decisions === 0}
            onClick={() => void act("learn", moderation.learn, t("Filter retrained."))}
          >
            {busy === "learn" ? t("Retraining…") : t("Retrain on decided appeals")}
          </Button>
        </div>
        <ErrorMessage error={error} className="mt-3" />
        <ErrorMessage error={learning.load_error} className="mt-3" />
        <p className="mt-4 border-t border-line pt-3 text-[13px] text-muted">
          {learning.running ? (
            <>
              {t("Active filter:")} <span className="font-mono text-ink">{learning.running}</span>
              {isSwitching(learning) && !learning.load_error && `, ${t("switching within seconds…")}`}
            </>
          ) : (
            t("Moderation is off.")
          )}
          {learning.in_force && (
            <Button small kind="quiet" className="ms-2" disabled={busy !== null} onClick={() => choose(null)}>
              {t("Restore default filter")}
            </Button>
          )}
        </p>
      </Card>
      {learning.heads.length === 0 ? (
        <EmptyState icon={GraduationCap}>
          {t("No retrained filters yet. Decide appeals first, then retrain on them.")}
        </EmptyState>
      ) : (
        learning.heads.map((heads) => (
          <RetrainedFilter key={heads.version} heads={heads} used={heads.version === learning.in_force} busy={busy !== null} onUse={() => choose(heads.version)} />
        ))
      )}
    </div>
  );
}

interface RetrainedFilterProps {
  heads: LearnedHeads;
  used: boolean;
  busy: boolean;
  onUse: () => void;
}

function RetrainedFilter({ heads, used, busy, onUse }: RetrainedFilterProps) {
  const { agreement, written } = heads;
  return (
    <Card
      title={<span className="font-mono text-sm wrap-anywhere">{heads.version}</span>}
      aside={
        used ? (
          <Badge tone="accent">{t("Active")}</Badge>
        ) : (
          <Button small disabled={busy} onClick={onUse}>
            {t("Activate")}
          </Button>
        )
      }
    >
      <p className="text-sm text-muted">
        {t("{{count}} decisions", { count: heads.decisions })}, {ago(heads.created_at)}. {advice(heads)}
      </p>
      {heads.no_longer_allowed > 0 && (
        <p className="mt-3 rounded-xl bg-warn-soft px-4 py-3 text-sm text-warn">
          {t("{{count}} conversations used for this filter may no longer be used for training. Retrain to get a filter without them.", { count: heads.no_longer_allowed })}
        </p>
      )}
      <table className="mt-3 w-full text-sm">
        <thead className="text-start text-xs text-faint">
          <tr>
            <th className="py-1 font-medium">{t("Metric")}</th>
            <th className="w-20 py-1 text-end font-medium">{t("Before")}</th>
            <th className="w-20 py-1 text-end font-medium">{t("After")}</th>
          </tr>
        </thead>
        <tbody>
          <Row name={t("Agreement with held-out decisions ({{count}} category labels)", { count: agreement.labels })} before={percent(agreement.before)} after={agreement.after === null ? "–" : percent(agreement.after)} />
          <Row name={`Detection of any harm (AUPRC, on ${written.texts} texts of its training set)`} before={shown(written.before.any)} after={shown(written.after.any)} />
          <Row name="Everyday texts flagged" before={percent(written.before.everyday)} after={percent(written.after.everyday)} />
        </tbody>
      </table>
    </Card>
  );
}

function Row({ name, before, after }: { name: ReactNode; before: string; after: string }) {
  return (
    <tr className="border-t border-line">
      <th scope="row" className="py-1.5 pe-3 text-start font-normal text-muted">
        {name}
      </th>
      <td className="py-1.5 text-end tabular-nums">{before}</td>
      <td className="py-1.5 text-end font-medium tabular-nums">{after}</td>
    </tr>
  );
}

function shown(value: number | null): string {
  return value === null ? "–" : value.toFixed(3);
}
