/** Traffic now and over time; each count links to the answers behind it. */
import clsx from "clsx";
import { useState } from "react";
import { Link } from "react-router";
import { useLabelingProgress } from "../../../api/labeling";
import { useTraffic, type Traffic } from "../../../api/traffic";
import { counted, duration, figure, time } from "../../../format";
import { Card, StatTile } from "../../../components/Card";
import { PageHeading } from "../../../components/PageHeading";
import { ProgressBar } from "../../../components/feedback/ProgressBar";
import { QueryResult } from "../../../components/feedback/QueryResult";
import { CountLink } from "../../../components/Table";
import { TimeChart } from "./TimeChart";

const RANGES = [
  { hours: 1, label: "Hour" },
  { hours: 24, label: "Day" },
  { hours: 168, label: "Week" },
];

export function TrafficTab() {
  const [hours, setHours] = useState(24);
  const traffic = useTraffic(hours);
  return (
    <>
      <PageHeading title="Traffic" hint="Requests, latency and moderation. Refreshes every 5 s.">
        <div className="flex gap-1 rounded-lg bg-panel p-1 text-[13px]" role="group" aria-label="Time range">
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
        label="Requests"
        value={<CountLink to={behind()}>{figure(total.requests)}</CountLink>}
        hint={`${counted(total.answers, "answer")} · ${http.running} in progress`}
      />
      <StatTile
        label="Tokens generated"
        value={<CountLink to={behind()}>{figure(total.response_tokens)}</CountLink>}
        hint={`${counted(total.prompt_tokens, "prompt token")}`}
      />
      <StatTile
        label="Time to first token"
        value={<CountLink to={behind()}>{total.first_text ? latency(total.first_text.median) : "–"}</CountLink>}
        hint={total.first_text ? `p95 ${latency(total.first_text.p95)}` : "No requests yet"}
      />
      <StatTile
        label="Flagged messages"
        value={<CountLink to={behind("flagged")}>{figure(total.flagged_prompts + total.flagged_answers)}</CountLink>}
        hint={
          <>
            {counted(total.flagged_prompts, "prompt")} · {counted(total.flagged_answers, "answer")} ·{" "}
            <CountLink to={behind("failed")}>{total.failed} interrupted</CountLink>
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
      <TimeChart title="Requests" hint="Requests, and feedback on their answers." rows={rows} bars={{ requests: "Requests", judgements: "Feedback" }} />
      <TimeChart title="Tokens" hint="Prompt tokens and generated tokens." rows={rows} bars={{ prompt_tokens: "Prompt", response_tokens: "Generated" }} />
      <TimeChart
        title="Latency"
        hint="Seconds until the first token and until the complete answer."
        rows={rows}
        lines={{ median: "First token, median", p95: "First token, p95", whole: "Complete answer, median" }}
        unit="s"
      />
      <TimeChart title="Moderation" hint="Flagged or blocked messages." rows={rows} bars={{ flagged_prompts: "Prompts", flagged_answers: "Answers" }} />
    </div>
  );
}

function LabelingCard() {
  const progress = useLabelingProgress();
  return (
    <Card title="Labeling" aside={<Link to="/operator/labeling" className="text-[13px] font-medium text-accent-ink underline-offset-4 hover:underline">Tasks and labelers</Link>}>
      <QueryResult query={progress}>
        {({ tasks, answered, skipped }) => {
          const [done, open] = [tasks.done ?? 0, tasks.open ?? 0];
          if (done + open === 0) return <p className="text-sm text-muted">No labeling tasks.</p>;
          return (
            <>
              <ProgressBar share={done / (done + open)} label="Labeling tasks done" />
              <p className="mt-2 text-sm text-muted">
                {done} of {done + open} tasks done · {answered} answered · {skipped} skipped
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
    <Card title="HTTP responses by this process" aside={<a href="/metrics" className="text-[13px] font-medium text-accent-ink underline-offset-4 hover:underline">Prometheus metrics</a>}>
      <p className="text-sm text-muted">Since {time(http.since)}, by HTTP status:</p>
      <dl className="mt-2 flex flex-wrap gap-x-6 gap-y-1 text-sm">
        {statuses.map(([status, count]) => (
          <div key={status} className="flex gap-2">
            <dt className="text-muted">{status === "0" ? "Interrupted" : status}</dt>
            <dd className="font-medium tabular-nums">{figure(count)}</dd>
          </div>
        ))}
      </dl>
    </Card>
  );
}

/** A latency, with two significant digits below 10 s. */
export function latency(value: number): string {
  return value < 10 ? `${figure(Number(value.toPrecision(2)))} s` : duration(value);
}
