/** Data erased after policies had been trained on it, and retraining without it. */
import { useMutation } from "@tanstack/react-query";
import { Link } from "react-router";
import { erasures, useErasures, type ErasureRow } from "../../../api/account";
import { useRefresh } from "../../../api/queries";
import { Badge } from "../../../components/Badge";
import { Button } from "../../../components/Button";
import { useToast } from "../../../components/feedback/Toast";
import { ago } from "../../../format";
import { QueryResult } from "../../../components/feedback/QueryResult";
import { Cell, Table } from "../../../components/Table";
import { t } from "../../../i18n";

export function Erasures() {
  const query = useErasures();
  return (
    <>
      <h2 className="mt-8 mb-1 text-lg font-semibold tracking-tight">{t("Erasures")}</h2>
      <p className="mb-3 max-w-2xl text-sm text-muted">
        {t("Data that was erased after a policy had been trained on it. “Retrain without” starts an iteration from the newest policy not trained on the erased data.")}
      </p>
      <QueryResult query={query}>
        {({ data }) =>
          data.length === 0 ? (
            <p className="text-sm text-muted">{t("No policy was trained on erased data.")}</p>
          ) : (
            <Table columns={[t("Time"), t("Erased"), t("Affected policies"), t("Retrain without")]}>
              {data.map((row) => (
                <Row key={row.id} row={row} />
              ))}
            </Table>
          )
        }
      </QueryResult>
    </>
  );
}

const SUBJECTS: Record<string, string> = { user: t("User account"), data: t("Dataset") };

function Row({ row }: { row: ErasureRow }) {
  const refresh = useRefresh();
  const toast = useToast();
  const retrain = useMutation({
    mutationFn: () => erasures.retrain(row.id, "quick"),
    onSuccess: () => refresh("operator"),
    onError: (error) => toast(error.message),
  });
  const what = SUBJECTS[row.subject.split("_", 1)[0]!] ?? t("Conversation");
  return (
    <tr>
      <Cell className="whitespace-nowrap text-muted">{ago(row.created_at)}</Cell>
      <Cell>
        {what}
        <span className="block font-mono text-xs text-muted">{row.subject}</span>
      </Cell>
      <Cell>
        <span className="flex flex-wrap gap-1">
          {row.policies.map((policy) => (
            <Link key={policy} to={`/operator/policies/${policy}`}>
              <Badge tone="warn">{policy}</Badge>
            </Link>
          ))}
        </span>
      </Cell>
      <Cell className="whitespace-nowrap">
        {row.iteration_id ? (
          <Link to={`/operator/iterations/${row.iteration_id}`} className="text-accent-ink underline underline-offset-4">
            {row.iteration_id}
          </Link>
        ) : row.parent ? (
          <Button small disabled={retrain.isPending} onClick={() => retrain.mutate()}>
            {t("From {{parent}}", { parent: row.parent })}
          </Button>
        ) : (
          <span className="text-muted">{t("all policies were trained on it")}</span>
        )}
      </Cell>
    </tr>
  );
}
