/** The evaluation of the default filter: plots and model card. */
import { useQuery } from "@tanstack/react-query";
import { moderation } from "../../../api/client";
import { Markdown } from "../../../components/markdown/Markdown";
import { Card } from "../../../components/Card";
import { QueryResult } from "../../../components/feedback/QueryResult";
import { t } from "../../../i18n";
import { FilterPlots } from "./FilterPlots";

export function FilterEvaluation() {
  const query = useQuery({ queryKey: ["operator", "moderation-card"], queryFn: moderation.card });
  return (
    <QueryResult query={query}>
      {({ card, classifier, measured }) => (
        <div className="space-y-4">
          {classifier !== measured.version && (
            <p className="rounded-xl bg-warn-soft px-4 py-3 text-sm text-warn">
              {classifier
                ? t("{{classifier}} is active; these figures describe the default filter.", { classifier })
                : t("Moderation is off; these figures describe the default filter.")}
            </p>
          )}
          <FilterPlots figures={measured} />
          <details>
            <summary className="inline-block rounded-lg py-1 text-sm font-medium text-muted hover:text-ink">
              {t("Full model card (data, tables, known failures)")}
            </summary>
            <Card className="mt-3">
              <Markdown text={card} />
            </Card>
          </details>
        </div>
      )}
    </QueryResult>
  );
}
