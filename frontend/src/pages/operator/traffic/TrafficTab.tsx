/** Traffic now and over time; each count links to the answers behind it. */
import clsx from "clsx";
import { useState } from "react";
import { Link } from "react-router";
import { useLabelingProgress } from "../../../api/labeling";
import { useTraffic, type Traffic } from "../../../api/traffic";
import { duration, figure, time } from "../../../format";
import { Card, StatTile } from "../../../components/Card";
import { PageHeading } from "../../../components/PageHeading";
import { ProgressBar } from "../../../components/feedback/ProgressBar";
import { QueryResult } from "../../../components/feedback/QueryResult";
import { CountLink } from "../../../components/Table";
import { t } from "../../../i18n";
import { TimeChart } from "./TimeChart";

const RANGES = [
  { hours: 1, label: t("Hour") },
  { hours: 24, label: t("Day") },
  { hours: 168, label: t("Week") },
];

export function TrafficTab() {
  const [hours, setHours] = useState(24);
  const traffic = useTraffic(hours);
  return (
    <>
      <PageHeading title={t("Traffic")} hint={t("Requests, latency and moderation. Refreshes every 5 s.")}>
        <div className="flex gap-1 rounded-lg bg-panel p-1 text-[13px]" role="group" aria-label={t("Time range")}>
          {RANGES.map((range) => (
            <button
              key={range.hours}
              type="button"
              aria-pressed={hours === range.hours}
              onClick={() => setHours(range.hours)}
              className={clsx("rounded-md px-3 py-1", hours === range.hours ? "bg-surface font-medium shadow-sm" : "text-muted")}
            >
              {range.label}
            </button>
          ))}
        </div>
      </PageHeading>
      <QueryResult query={traffic}>
        {(data) => (
          <>
            <Totals traffic={data} hours={hours} />
            <Charts traffic={data} />
          </>
        )}
      </QueryResult>
      <div className="mt-3 grid gap-3 lg:grid-cols-2">
        <LabelingCard />
        {traffic.data && <HttpCard http={traffic.data.http} />}
      </div>
    </>
  );
}

function Totals({ traffic: { total, http }, hours }: { traffic: Traffic; hours: number }) {
  const behind = (kind?: string) => `/operator/traffic/answers?hours=${hours}${kind ? `&kind=${kind}` : ""}`;
  return (
    <div className="mb-3 grid grid-cols-2 gap-3 lg:grid-cols-4">
      <StatTile
        label={t("Requests")}
        value={<CountLink to={behind()}>{figure(total.requests)}</CountLink>}
        hint={t("{{answers}} · {{running}} in progress", { answers: t("{{count}} answers", { count: total.answers }), running: http.running })}
      />
      <StatTile
        label={t("Tokens generated")}
        value={<CountLink to={behind()}>{figure(total.response_tokens)}</CountLink>}
        hint={t("{{count}} prompt tokens", { count: total.prompt_tokens })}
      />
      <StatTile
        label={t("Time to first token")}
        value={<CountLink to={behind()}>{total.first_text ? latency(total.first_text.median) : "–"}</CountLink>}
        hint={total.first_text ? `p95 ${latency(total.first_text.p95)}` : t("No requests yet")}
      />
      <StatTile
        label={t("Flagged messages")}
        value={<CountLink to={behind("flagged")}>{figure(total.flagged_prompts + total.flagged_answers)}</CountLink>}
        hint={
          <>
            {t("{{count}} prompts", { count: total.flagged_prompts })} · {t("{{count}} answers", { count: total.flagged_answers })} ·{" "}
            <CountLink to={behind("failed")}>{t("{{failed}} interrupted", { failed: total.failed })}</CountLink>
          </>
        }
      />
    </div>
  );
}

function Charts({ traffic: { windows } }: { traffic: Traffic }) {
  const rows = windows.map((each) => ({
    ...each,
    median: each.first_text?.median ?? null,
    p95: each.first_text?.p95 ?? null,
    whole: each.seconds?.median ?? null,
  }));
  return (
    <div className="grid gap-3 lg:grid-cols-2">
      <TimeChart title={t("Requests")} hint={t("Requests, and feedback on their answers.")} rows={rows} bars={{ requests: t("Requests"), judgements: t("Feedback") }} />
      <TimeChart title={t("Tokens")} hint={t("Prompt tokens and generated tokens.")} rows={rows} bars={{ prompt_tokens: t("Prompt"), response_tokens: t("Generated") }} />
      <TimeChart
        title={t("Latency")}
        hint={t("Seconds until the first token and until the complete answer.")}
        rows={rows}
        lines={{ median: t("First token, median"), p95: t("First token, p95"), whole: t("Complete answer, median") }}
        unit="s"
      />
      <TimeChart title={t("Moderation")} hint={t("Flagged or blocked messages.")} rows={rows} bars={{ flagged_prompts: t("Prompts"), flagged_answers: t("Answers") }} />
    </div>
  );
}

function LabelingCard() {
  const progress = useLabelingProgress();
  return (
    <Card title={t("Labeling")} aside={<Link to="/operator/labeling" className="text-[13px] font-medium text-accent-ink underline-offset-4 hover:underline">{t("Tasks and labelers")}</Link>}>
      <QueryResult query={progress}>
        {({ tasks, answered, skipped }) => {
          const [done, open] = [tasks.done ?? 0, tasks.open ?? 0];
          if (done + open === 0) return <p className="text-sm text-muted">{t("No labeling tasks.")}</p>;
          return (
            <>
              <ProgressBar share={done / (done + open)} label={t("Labeling tasks done")} />
              <p className="mt-2 text-sm text-muted">
                {t("{{done}} of {{all}} tasks done · {{answered}} answered · {{skipped}} skipped", { done, all: done + open, answered, skipped })}
              </p>
            </>
          );
        }}
      </QueryResult>
    </Card>
  );
}

function HttpCard({ http }: { http: Traffic["http"] }) {
  const statuses = Object.entries(http.statuses);
  return (
    <Card title={t("HTTP responses by this process")} aside={<a href="/metrics" className="text-[13px] font-medium text-accent-ink underline-offset-4 hover:underline">{t("Prometheus metrics")}</a>}>
      <p className="text-sm text-muted">{t("Since {{since}}, by HTTP status:", { since: time(http.since) })}</p>
      <dl className="mt-2 flex flex-wrap gap-x-6 gap-y-1 text-sm">
        {statuses.map(([status, count]) => (
          <div key={status} className="flex gap-2">
            <dt className="text-muted">{status === "0" ? t("Interrupted") : status}</dt>
            <dd className="font-medium tabular-nums">{figure(count)}</dd>
          </div>
        ))}
      </dl>
    </Card>
  );
}

/** A latency, with two significant digits below 10 s. */
export function latency(value: number): string {
  return value < 10 ? t("{{seconds}} s", { seconds: Number(value.toPrecision(2)) }) : duration(value);
}
