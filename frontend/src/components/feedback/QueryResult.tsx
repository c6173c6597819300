/** The result of a query, a skeleton while it loads, or its error; and the next page of a list. */
import type { ReactNode } from "react";
import { t } from "../../i18n";
import { Button } from "../Button";
import { Skeleton } from "./Loading";
import { ErrorMessage } from "./ErrorMessage";

export interface QueryResultProps<Data> {
  query: { data: Data | undefined; error: unknown; isPending: boolean; refetch: () => unknown };
  children: (data: Data) => ReactNode;
}

/** The data of a query, a skeleton while it loads, or its error. */
export function QueryResult<Data>({ query, children }: QueryResultProps<Data>) {
  if (query.data !== undefined) return <>{children(query.data)}</>;
  if (query.isPending) return <Skeleton lines={5} className="py-4" />;
  return <ErrorMessage error={query.error} onRetry={() => void query.refetch()} />;
}

export interface LoadMoreProps {
  query: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => unknown };
}

export function LoadMore({ query }: LoadMoreProps) {
  if (!query.hasNextPage) return null;
  return (
    <div className="mt-4 text-center">
      <Button small disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
        {t("Show older")}
      </Button>
    </div>
  );
}
