/** The card of the filter that ships: figures with intervals, false alarms by group, known failures. */
import { useQuery } from "@tanstack/react-query";
import { moderation } from "../../../api/client";
import { Markdown } from "../../../components/Markdown";
import { Card, Read } from "../Parts";

export function Measured() {
  const query = useQuery({ queryKey: ["operator", "moderation-card"], queryFn: moderation.card });
  return (
    <Read query={query}>
      {({ card, classifier }) => (
        <Card>
          {!(classifier && card.includes(classifier)) && (
            <p className="mb-4 rounded-xl bg-warn-soft px-4 py-3 text-sm text-warn">
              {classifier ? `${classifier} runs now` : "Moderation is switched off"}: these figures are those of the filter
              that ships.
            </p>
          )}
          <Markdown text={card} />
        </Card>
      )}
    </Read>
  );
}
