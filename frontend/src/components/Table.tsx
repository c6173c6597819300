/** Tables, whole or page by page, and the links from a count to its rows. */
import clsx from "clsx";
import type { LucideIcon } from "lucide-react";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { t } from "../i18n";
import { EmptyState } from "./feedback/EmptyState";
import { LoadMore, QueryResult, type LoadMoreProps, type QueryResultProps } from "./feedback/QueryResult";

/** A count that links to the rows behind it. */
export function CountLink({ to, children }: { to: string; children: ReactNode }) {
  return (
    <Link to={to} className="tabular-nums underline decoration-line-strong decoration-1 underline-offset-4 hover:decoration-accent">
      {children}
    </Link>
  );
}

export function Table({ columns, children }: { columns: string[]; children: ReactNode }) {
  return (
    <div className="more-right overflow-x-auto rounded-2xl border border-line" tabIndex={0} role="region" aria-label={t("Table")}>
      <table className="w-full text-start text-sm">
        <thead>
          <tr className="border-b border-line text-xs text-muted">
            {columns.map((column) => (
              <th key={column} scope="col" className={clsx("px-4 py-2.5 font-medium whitespace-nowrap", column === t("Actions") && "text-end")}>
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

interface PagedTableProps<Row> extends LoadMoreProps {
  query: LoadMoreProps["query"] & QueryResultProps<{ pages: { data: Row[] }[] }>["query"];
  columns: string[];
  icon: LucideIcon;
  /** The text of the empty state. */
  none: string;
  children: (row: Row) => ReactNode;
}

/** A paginated list as a table. */
export function PagedTable<Row>({ query, columns, icon, none, children }: PagedTableProps<Row>) {
  return (
    <>
      <QueryResult query={query}>
        {({ pages }) => {
          const rows = pages.flatMap((page) => page.data);
          if (rows.length === 0) return <EmptyState icon={icon}>{none}</EmptyState>;
          return <Table columns={columns}>{rows.map(children)}</Table>;
        }}
      </QueryResult>
      <LoadMore query={query} />
    </>
  );
}

export function Cell({ className, children }: { className?: string; children: ReactNode }) {
  return <td className={clsx("px-4 py-3 align-middle", className)}>{children}</td>;
}
