/** Buttons that give an answer its rank. */
import clsx from "clsx";
import { t } from "../../../i18n";

export const FEW = 4; // answers that are shown at length; of more, each scrolls in a lower card

interface RankButtonsProps {
  letter: string;
  places: number;
  held: number | null;
  onPlace?: (slot: number) => void;
}

export function RankButtons({ letter, places, held, onPlace }: RankButtonsProps) {
  return (
    <div role="group" aria-label={t("Rank of answer {{letter}}", { letter })} className={clsx("flex flex-wrap items-center", places > FEW ? "gap-0.5" : "gap-1")}>
      <span className="me-1 text-xs text-faint">{t("Rank")}</span>
      {Array.from({ length: places }, (_, slot) => (
        <button
          key={slot}
          type="button"
          aria-pressed={held === slot}
          aria-label={t("Rank {{slot}}", { slot: slot + 1 })}
          disabled={!onPlace}
          onClick={() => onPlace?.(slot)}
          className={clsx(
            "h-8 rounded-lg text-sm font-medium tabular-nums transition-colors disabled:opacity-40",
            places > FEW ? "min-w-6" : "min-w-8",
            held === slot ? "bg-accent text-on-accent" : "bg-panel text-muted enabled:hover:text-ink",
          )}
        >
          {slot + 1}
        </button>
      ))}
    </div>
  );
}
