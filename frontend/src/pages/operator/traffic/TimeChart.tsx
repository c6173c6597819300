/** Counts and latencies over time. */
import { Bar, CartesianGrid, ComposedChart, Legend, Line, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";
import { figure, time } from "../../../format";
import { locale } from "../../../locale";
import { PlotCard } from "../../../components/Card";

const COLOURS = ["var(--chart-1)", "var(--chart-2)", "var(--chart-3)"];
const TICK = { fill: "var(--faint)", fontSize: 12 };
const CLOCK = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(locale, { weekday: "short", day: "numeric" });
const LONG = 2 * 86_400;

type Row = { at: number } & Record<string, unknown>;

interface TimeChartProps {
  title: string;
  hint: string;
  rows: Row[];
  /** Labels of the counts, by their name in the rows. */
  bars?: Record<string, string>;
  /** Labels of the measures, which may be missing in some rows. */
  lines?: Record<string, string>;
  unit?: string;
}

export function TimeChart({ title, hint, rows, bars = {}, lines = {}, unit = "" }: TimeChartProps) {
  const span = (rows.at(-1)?.at ?? 0) - (rows[0]?.at ?? 0);
  const label = (at: number) => (span > LONG ? DAY : CLOCK).format(at * 1000);
  const shown = (value: number) => `${figure(Number(value.toPrecision(3)))}${unit && ` ${unit}`}`;
  return (
    <PlotCard title={title} hint={hint}>
      <div className="h-52" aria-hidden>
        <ResponsiveContainer width="100%" height="100%">
          <ComposedChart data={rows} margin={{ top: 6, right: 6, bottom: 0, left: 0 }} accessibilityLayer={false}>
            <CartesianGrid stroke="var(--line)" vertical={false} />
            <XAxis dataKey="at" tick={TICK} tickFormatter={label} stroke="var(--line-strong)" tickLine={false} minTickGap={36} />
            <YAxis tick={TICK} stroke="transparent" width="auto" tickFormatter={figure} allowDecimals={unit !== ""} />
            <Tooltip
              cursor={{ fill: "var(--panel)", stroke: "var(--line-strong)" }}
              formatter={(value) => shown(Number(value))}
              labelFormatter={(at) => time(Number(at))}
              contentStyle={{ background: "var(--surface)", border: "1px solid var(--line)", borderRadius: 10, fontSize: 13 }}
              labelStyle={{ color: "var(--muted)" }}
            />
            <Legend itemSorter={null} wrapperStyle={{ fontSize: 13 }} />
            {Object.entries(bars).map(([name, called], index) => (
              <Bar key={name} dataKey={name} name={called} fill={COLOURS[index]} isAnimationActive={false} radius={[2, 2, 0, 0]} />
            ))}
            {Object.entries(lines).map(([name, called], index) => (
              <Line key={name} dataKey={name} name={called} type="monotone" stroke={COLOURS[index]} strokeWidth={2} dot={{ r: 2 }} isAnimationActive={false} />
            ))}
          </ComposedChart>
        </ResponsiveContainer>
      </div>
    </PlotCard>
  );
}
