/** Curves of a stage's metrics, updated as rows arrive. */
import { CartesianGrid, Legend, Line, LineChart, ReferenceLine, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";
import type { MetricRow } from "../../../api/types";
import { figure, words } from "../../../format";
import { PlotCard } from "../../../components/Card";
import { t } from "../../../i18n";
import { isNumber, numericNames, presentLines, xName, type Curve } from "./metrics";

const COLOURS = ["var(--chart-1)", "var(--chart-2)", "var(--chart-3)", "var(--chart-4)"];
const TICK = { fill: "var(--faint)", fontSize: 12 };

interface CurveCardProps {
  title: string;
  hint?: string;
  lines: [string, string][];
  rows: MetricRow[];
  /** The update whose policy was selected, once it is known. */
  kept?: number | null;
}

function CurveCard({ title, hint, lines, rows, kept }: CurveCardProps) {
  const x = xName(rows);
  const points = rows.map((row, index) => ({ ...row, _x: x ? Number(row[x]) : index + 1 }));
  const last = lines.map(([name, label]) => `${label} ${lastFigure(rows, name)}`).join(" · ");
  return (
    <PlotCard title={title} hint={hint} aside={last}>
      <div className="h-56" aria-hidden>
        <ResponsiveContainer width="100%" height="100%">
          <LineChart data={points} margin={{ top: 6, right: 10, bottom: 0, left: 0 }} accessibilityLayer={false}>
            <CartesianGrid stroke="var(--line)" vertical={false} />
            <XAxis dataKey="_x" type="number" domain={["dataMin", "dataMax"]} allowDecimals={false} tick={TICK} stroke="var(--line-strong)" tickLine={false} />
            <YAxis tick={TICK} stroke="transparent" width="auto" tickFormatter={figure} domain={["auto", "auto"]} />
            {kept != null && (
              <ReferenceLine
                x={kept}
                stroke="var(--faint)"
                strokeDasharray="2 3"
                label={{ value: t("selected"), position: "insideTopRight", fill: "var(--muted)", fontSize: 12 }}
              />
            )}
            <Tooltip
              formatter={(value) => figure(Number(value))}
              labelFormatter={(label) => `${x ? words(x) : t("row")} ${String(label)}`}
              contentStyle={{ background: "var(--surface)", border: "1px solid var(--line)", borderRadius: 10, fontSize: 13 }}
              labelStyle={{ color: "var(--muted)" }}
            />
            {lines.length > 1 && <Legend iconType="plainline" itemSorter={null} wrapperStyle={{ fontSize: 13 }} />}
            {lines.map(([name, label], index) => (
              <Line
                key={name}
                type="monotone"
                dataKey={(row: MetricRow) => row[name] as number}
                name={label}
                stroke={COLOURS[index % COLOURS.length]}
                strokeWidth={2}
                strokeDasharray={index === 1 ? "5 3" : undefined}
                dot={points.length < 3 ? { r: 3 } : false}
                isAnimationActive={false}
                connectNulls
              />
            ))}
          </LineChart>
        </ResponsiveContainer>
      </div>
    </PlotCard>
  );
}

function lastFigure(rows: MetricRow[], name: string): string {
  const last = rows.findLast((row) => isNumber(row[name]))?.[name];
  return isNumber(last) ? figure(last) : "–";
}

/** The main curves, and all others in a collapsed section. */
export function Curves({ curves, rows, kept }: { curves: Curve[]; rows: MetricRow[]; kept?: number | null }) {
  const drawn = curves.map((curve) => ({ ...curve, present: presentLines(curve, rows) }));
  const shown = new Set(drawn.flatMap(({ present }) => present.map(([name]) => name)));
  const others = numericNames(rows).filter((name) => !shown.has(name));
  return (
    <>
      <div className="grid gap-3 lg:grid-cols-2">
        {drawn
          .filter(({ present }) => present.length > 0)
          .map(({ title, hint, present }) => (
            <CurveCard key={title} title={title} hint={hint} lines={present} rows={rows} kept={kept} />
          ))}
      </div>
      {others.length > 0 && (
        <details className="mt-3">
          <summary className="inline-block rounded-lg py-1 text-sm font-medium text-muted hover:text-ink">
            {t("{{others}} more curves", { others: others.length })}
          </summary>
          <div className="mt-3 grid gap-3 lg:grid-cols-3">
            {others.map((name) => (
              <CurveCard key={name} title={name} lines={[[name, t("last")]]} rows={rows} />
            ))}
          </div>
        </details>
      )}
    </>
  );
}
