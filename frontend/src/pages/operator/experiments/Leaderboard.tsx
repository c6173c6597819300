/** Ratings of the policies by users or by the gate's reward models. */
import clsx from "clsx";
import { useState } from "react";
import { useLeaderboard, type LeaderboardBoard, type LeaderboardRating } from "../../../api/experiments";
import { Card } from "../../../components/Card";
import { QueryResult } from "../../../components/feedback/QueryResult";
import { t } from "../../../i18n";

const SOURCES: Record<string, string> = { people: t("Users"), gate: t("Reward models") };

export function Leaderboard() {
  const [source, setSource] = useState("people");
  return (
    <Card
      title={t("Leaderboard")}
      aside={
        <div className="flex gap-1 rounded-lg bg-panel p-1 text-[13px]" role="group" aria-label={t("Rated by")}>
          {Object.entries(SOURCES).map(([name, label]) => (
            <button
              key={name}
              type="button"
              aria-pressed={source === name}
              onClick={() => setSource(name)}
              className={clsx("rounded-md px-2.5 py-1", source === name ? "bg-surface font-medium shadow-sm" : "text-muted")}
            >
              {label}
            </button>
          ))}
        </div>
      }
    >
      <QueryResult query={useLeaderboard()}>{(boards) => <BoardView board={boards.find((board) => board.source === source)} />}</QueryResult>
    </Card>
  );
}

function BoardView({ board }: { board: LeaderboardBoard | undefined }) {
  if (!board || board.ratings.length === 0)
    return (
      <p className="text-sm text-muted">
        {t("No pairwise comparisons yet. Users rank answers of both policies during an experiment; reward models compare them at every gate.")}
      </p>
    );
  return (
    <>
      <Ratings ratings={board.ratings} />
      <p className="mt-4 text-[13px] text-muted">
        {t("Bradley–Terry ratings on the Elo scale at equal length, with 95% intervals. Ten extra words alone are worth {{eloOfTenWords}} points.", { eloOfTenWords: Math.round(board.elo_of_ten_words) })}
      </p>
    </>
  );
}

type Strength = Omit<LeaderboardRating, "wins">;

/** Strengths with their intervals, on one scale. */
export function Ratings({ ratings }: { ratings: readonly Strength[] }) {
  const low = Math.min(...ratings.map((rating) => rating.low));
  const high = Math.max(...ratings.map((rating) => rating.high));
  return (
    <ol className="space-y-2.5">
      {ratings.map((rating, place) => (
        <Row key={rating.policy_id} place={place + 1} rating={rating} low={low} high={high} />
      ))}
    </ol>
  );
}

function Row({ place, rating, low, high }: { place: number; rating: Strength; low: number; high: number }) {
  const at = (elo: number) => `${(100 * (elo - low)) / Math.max(1, high - low)}%`;
  return (
    <li className="grid grid-cols-[1.5rem_minmax(6.5rem,auto)_minmax(0,1fr)_auto] items-center gap-3 text-sm">
      <span className="text-faint tabular-nums">{place}</span>
      <span className="font-medium">{rating.policy_id}</span>
      <span dir="ltr" className="relative h-3.5 rounded bg-panel" aria-hidden>
        <span
          className="absolute inset-y-1 rounded-full bg-accent opacity-40"
          style={{ left: at(rating.low), right: `calc(100% - ${at(rating.high)})` }}
        />
        <span className="absolute top-0.5 size-2.5 -translate-x-1/2 rounded-full bg-accent" style={{ left: at(rating.elo) }} />
      </span>
      <span className="text-end whitespace-nowrap tabular-nums">
        {Math.round(rating.elo)} <span className="text-[13px] text-muted">{t("{{count}} comparisons", { count: rating.duels })}</span>
      </span>
    </li>
  );
}
