/** Plots of the default filter: flagged shares, calibration, AUPRC by category, false positives by group. */
import { CartesianGrid, Line, LineChart, ReferenceLine, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";
import type { MeasuredFigures } from "../../../api/types";
import { StatTile, PlotCard } from "../../../components/Card";
import { t } from "../../../i18n";
import { percent } from "./rules";

const TICK = { fill: "var(--faint)", fontSize: 12 };
const FEW = 10; // texts below which a share says little

export function FilterPlots({ figures }: { figures: MeasuredFigures }) {
  const groups = figures.groups.filter(({ texts }) => texts >= FEW).sort((a, b) => b.flagged - a.flagged);
  return (
    <>
      <p role="note" className="rounded-xl bg-warn-soft px-3.5 py-2.5 text-sm text-warn">
        {t("The default filter covers English only. Of 50 harmful sentences it stops or warns about 37 in English and at most 1 in German, Spanish, Russian, Arabic, Hindi and Chinese. Where people write other languages, add a remote classifier.")}
      </p>
      <div className="grid grid-cols-1 gap-3 sm:grid-cols-3">
        {figures.shares.map(({ name, texts, flagged, interval }) => (
          <StatTile key={name} label={t("Flagged: {{name}}", { name })} value={percent(flagged)} hint={t("{{texts}} texts, 95% CI {{between}}", { texts, between: between(interval, percent) })} />
        ))}
      </div>
      <div className="grid gap-4 lg:grid-cols-2">
        <PlotCard title={t("Calibration")} hint={t("Observed harm rate per score bin, on {{reported}} texts not used to set thresholds.", { reported: figures.reported })}>
          <Calibration figures={figures} />
        </PlotCard>
        <PlotCard title={t("Detection quality (AUPRC)")} hint={t("By category; the tick marks OpenAI's texts only. {{texts}} texts, each scored by a filter not trained on it. 95% intervals in brackets.", { texts: figures.texts })}>
          <Bars
            rows={figures.categories.map(({ category, positives, auprc, interval, openai }) => ({
              name: category,
              note: interval ? `${t("{{positives}} harmful", { positives })} [${between(interval, (each) => each.toFixed(2))}]` : t("{{positives}} harmful", { positives }),
              share: auprc,
              tick: openai,
              shown: auprc === null ? "–" : auprc.toFixed(2),
            }))}
          />
        </PlotCard>
        <PlotCard title={t("False-positive rate by group")} hint={t("Share of harmless texts that mention a group of people and are flagged. Groups with at least {{few}} texts.", { few: FEW })}>
          <Bars
            colour="var(--chart-2)"
            rows={groups.map(({ group, texts, flagged }) => ({
              name: group.replaceAll("_", " "),
              note: t("{{texts}} texts", { texts }),
              share: flagged,
              tick: null,
              shown: percent(flagged),
            }))}
          />
        </PlotCard>
        <PlotCard title={t("Overall")} hint={t("With 95% intervals.")}>
          <Bars
            colour="var(--chart-3)"
            rows={figures.overall.map(({ name, value, interval }) => ({
              name,
              note: interval ? between(interval, (each) => each.toFixed(2)) : "",
              share: value,
              tick: null,
              shown: value === null ? "–" : value.toFixed(2),
            }))}
          />
        </PlotCard>
      </div>
    </>
  );
}

function Calibration({ figures }: { figures: MeasuredFigures }) {
  const pairs = figures.calibration.map(({ score, harmful }) => `${percent(score)}: ${percent(harmful)}`).join(", ");
  return (
    <>
      <p className="sr-only">{t("Mean score and observed harm rate: {{pairs}}.", { pairs })}</p>
      <div className="h-72" aria-hidden>
        <ResponsiveContainer width="100%" height="100%">
          <LineChart data={figures.calibration} margin={{ top: 8, right: 10, bottom: 16, left: -18 }} accessibilityLayer={false}>
            <CartesianGrid stroke="var(--line)" vertical={false} />
            <XAxis
              dataKey="score"
              type="number"
              domain={[0, 1]}
              tick={TICK}
              stroke="var(--line-strong)"
              tickLine={false}
              tickFormatter={percent}
              label={{ value: "score", position: "insideBottom", offset: -12, fill: "var(--muted)", fontSize: 12 }}
            />
            <YAxis domain={[0, 1]} tick={TICK} stroke="transparent" width={58} tickFormatter={percent} />
            <ReferenceLine segment={[{ x: 0, y: 0 }, { x: 1, y: 1 }]} stroke="var(--faint)" strokeDasharray="3 3" />
            <Tooltip
              formatter={(value) => [percent(Number(value)), "harmful"]}
              labelFormatter={(score) => t("mean score {{score}}", { score: percent(Number(score)) })}
              contentStyle={{ background: "var(--surface)", border: "1px solid var(--line)", borderRadius: 10, fontSize: 13 }}
              labelStyle={{ color: "var(--muted)" }}
            />
            <Line dataKey="harmful" stroke="var(--chart-1)" strokeWidth={2} dot={{ r: 3 }} isAnimationActive={false} />
          </LineChart>
        </ResponsiveContainer>
      </div>
    </>
  );
}

interface BarRow {
  name: string;
  note: string;
  share: number | null;
  tick: number | null;
  shown: string;
}

function Bars({ rows, colour = "var(--chart-1)" }: { rows: BarRow[]; colour?: string }) {
  return (
    <ul className="space-y-2">
      {rows.map(({ name, note, share, tick, shown }) => (
        <li key={name} className="text-[13px]">
          <p className="flex justify-between gap-3">
            <span className="min-w-0">
              {name} <span className="text-faint">{note}</span>
            </span>
            <span className="font-medium tabular-nums">{shown}</span>
          </p>
          <div dir="ltr" className="relative mt-0.5 h-2 rounded-full bg-panel" aria-hidden>
            <div className="h-2 rounded-full" style={{ width: `${100 * (share ?? 0)}%`, background: colour }} />
            {tick !== null && <div className="absolute -top-0.5 h-3 w-0.5 bg-ink" style={{ left: `${100 * tick}%` }} />}
          </div>
        </li>
      ))}
    </ul>
  );
}

function between([low, high]: number[], shown: (value: number) => string): string {
  return t("{{low}} to {{high}}", { low: shown(low!), high: shown(high!) });
}
