/** The filter that ships in plots, and its card: intervals, false alarms by group, known failures. */
import { useQuery } from "@tanstack/react-query";
import { moderation } from "../../../api/client";
import { Markdown } from "../../../components/markdown/Markdown";
import { Card, Read } from "../Parts";
import { MeasuredPlots } from "./MeasuredPlots";

export function Measured() {
  const query = useQuery({ queryKey: ["operator", "moderation-card"], queryFn: moderation.card });
  return (
    <Read query={query}>
      {({ card, classifier, measured }) => (
        <div className="space-y-4">
          {classifier !== measured.version && (
            <p className="rounded-xl bg-warn-soft px-4 py-3 text-sm text-warn">
              {classifier ? `${classifier} is active` : "Moderation is off"}; these figures describe the default filter.
            </p>
          )}
          <MeasuredPlots figures={measured} />
          <details>
            <summary className="inline-block rounded-lg py-1 text-sm font-medium text-muted hover:text-ink">
              Full model card (data, tables, known failures)
            </summary>
            <Card className="mt-3">
              <Markdown text={card} />
            </Card>
          </details>
        </div>
      )}
    </Read>
  );
}
