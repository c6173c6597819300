/** What the operator's pages are made of: headings, cards, tables and figures. */
import clsx from "clsx";
import { ArrowLeft, type LucideIcon } from "lucide-react";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { Badge, type Tone } from "../../components/Badge";
import { Button } from "../../components/Button";
import { Skeleton } from "../../components/Loading";
import { Problem } from "../../components/Problem";
import { words } from "../../format";

export function Heading({ title, hint, children }: { title: ReactNode; hint?: ReactNode; children?: ReactNode }) {
  return (
    <div className="mb-5 flex flex-wrap items-end justify-between gap-x-6 gap-y-3">
      <div className="min-w-0">
        <h1 className="font-serif text-3xl font-medium tracking-tight">{title}</h1>
        {hint && <p className="mt-1 max-w-2xl text-sm text-muted">{hint}</p>}
      </div>
      {children && <div className="flex flex-wrap items-center gap-2">{children}</div>}
    </div>
  );
}

/** The way from a page to the one that it lies under. */
export function Back({ to, children }: { to: string; children: ReactNode }) {
  return (
    <Link to={to} className="mb-4 inline-flex items-center gap-1.5 text-sm text-muted hover:text-ink">
      <ArrowLeft aria-hidden className="size-4" />
      {children}
    </Link>
  );
}

interface CardProps {
  title?: ReactNode;
  aside?: ReactNode;
  className?: string;
  children: ReactNode;
}

export function Card({ title, aside, className, children }: CardProps) {
  return (
    <section className={clsx("min-w-0 rounded-2xl border border-line bg-surface p-5", className)}>
      {title && (
        <div className="mb-3 flex items-center justify-between gap-3">
          <h2 className="text-[15px] font-semibold">{title}</h2>
          {aside}
        </div>
      )}
      {children}
    </section>
  );
}

export function Figure({ label, value, hint }: { label: string; value: ReactNode; hint?: ReactNode }) {
  return (
    <div className="min-w-0 rounded-2xl border border-line bg-surface p-4">
      <p className="text-[13px] text-muted">{label}</p>
      <p className="mt-1 truncate text-xl font-semibold tracking-tight sm:text-2xl">{value}</p>
      {hint && <p className="mt-0.5 text-[13px] text-muted">{hint}</p>}
    </div>
  );
}

/** A number that leads to the rows that it counts. */
export function Behind({ to, children }: { to: string; children: ReactNode }) {
  return (
    <Link to={to} className="tabular-nums underline decoration-line-strong decoration-1 underline-offset-4 hover:decoration-accent">
      {children}
    </Link>
  );
}

export function Empty({ icon: Icon, children }: { icon: LucideIcon; children: ReactNode }) {
  return (
    <div className="flex flex-col items-center rounded-2xl border border-dashed border-line-strong px-6 py-12 text-center text-sm text-muted">
      <Icon aria-hidden className="mb-3 size-7 text-faint" strokeWidth={1.6} />
      <div className="max-w-md">{children}</div>
    </div>
  );
}

interface ReadProps<Data> {
  query: { data: Data | undefined; error: unknown; isPending: boolean; refetch: () => unknown };
  children: (data: Data) => ReactNode;
}

/** What a query gave, or that it is on its way, or why it failed. */
export function Read<Data>({ query, children }: ReadProps<Data>) {
  if (query.data !== undefined) return <>{children(query.data)}</>;
  if (query.isPending) return <Skeleton lines={5} className="py-4" />;
  return <Problem error={query.error} onRetry={() => void query.refetch()} />;
}

interface MoreProps {
  query: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => unknown };
}

export function More({ query }: MoreProps) {
  if (!query.hasNextPage) return null;
  return (
    <div className="mt-4 text-center">
      <Button small disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
        Show older
      </Button>
    </div>
  );
}

export function Table({ columns, children }: { columns: string[]; children: ReactNode }) {
  return (
    <div className="overflow-x-auto rounded-2xl border border-line bg-surface" tabIndex={0} role="region" aria-label="Table">
      <table className="w-full text-left text-sm">
        <thead>
          <tr className="border-b border-line text-xs text-muted">
            {columns.map((column) => (
              <th key={column} scope="col" className="px-4 py-2.5 font-medium whitespace-nowrap">
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="divide-y divide-line">{children}</tbody>
      </table>
    </div>
  );
}

interface RowsProps<Row> extends MoreProps {
  query: MoreProps["query"] & ReadProps<{ pages: { data: Row[] }[] }>["query"];
  columns: string[];
  icon: LucideIcon;
  /** What is said where there is no row. */
  none: string;
  children: (row: Row) => ReactNode;
}

/** A list that comes page by page, as a table. */
export function Rows<Row>({ query, columns, icon, none, children }: RowsProps<Row>) {
  return (
    <>
      <Read query={query}>
        {({ pages }) => {
          const rows = pages.flatMap((page) => page.data);
          if (rows.length === 0) return <Empty icon={icon}>{none}</Empty>;
          return <Table columns={columns}>{rows.map(children)}</Table>;
        }}
      </Read>
      <More query={query} />
    </>
  );
}

export function Cell({ className, children }: { className?: string; children: ReactNode }) {
  return <td className={clsx("px-4 py-3 align-middle", className)}>{children}</td>;
}

const STATE_TONES: Record<string, Tone> = {
  queued: "warn",
  running: "accent",
  promoted: "good",
  refused: "warn",
  undecided: "accent",
  rolled_back: "warn",
  stopped: "plain",
  duplicate: "plain",
  failed: "danger",
  current: "good",
  canary: "accent",
  candidate: "accent",
  rejected: "warn",
  open: "warn",
  accepted: "good",
  block: "danger",
  warn: "warn",
};

/** An iteration whose candidate the gate let pass: whether it answers is the operator's decision. */
const STATE_WORDS: Record<string, string> = {
  promoted: "Accepted",
  refused: "Rejected",
  undecided: "Needs a decision",
  warn: "Warned",
  block: "Blocked",
};

export function State({ state }: { state: string }) {
  return (
    <Badge tone={STATE_TONES[state] ?? "plain"} pulse={state === "running"}>
      {STATE_WORDS[state] ?? words(state)}
    </Badge>
  );
}

export function Bar({ share, label }: { share: number; label: string }) {
  const percent = Math.round(Math.min(1, Math.max(0, share)) * 100);
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuenow={percent}
      aria-valuemin={0}
      aria-valuemax={100}
      className="h-2 overflow-hidden rounded-full bg-panel"
    >
      <div className="h-full rounded-full bg-accent transition-[width] duration-500" style={{ width: `${percent}%` }} />
    </div>
  );
}

/** A card that holds one plot, with what it shows above it. */
export function Plot({ title, hint, aside, children }: { title: string; hint?: string; aside?: ReactNode; children: ReactNode }) {
  return (
    <Card>
      <figure>
        <figcaption className="mb-3">
          <span className="flex flex-wrap items-baseline justify-between gap-x-3">
            <span className="text-[15px] font-semibold">{title}</span>
            <span className="text-[13px] text-muted">{aside}</span>
          </span>
          {hint && <span className="mt-0.5 block text-[13px] text-muted">{hint}</span>}
        </figcaption>
        {children}
      </figure>
    </Card>
  );
}
