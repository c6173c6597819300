/** The effect of a threshold in one category on labeled texts, recent messages and decided appeals. */
import { CartesianGrid, Legend, Line, LineChart, ReferenceLine, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";
import type { Effect, Side } from "../../../api/types";
import { Button } from "../../../components/Button";
import { Card } from "../../../components/Card";
import { t } from "../../../i18n";
import { percent, points, stepOf } from "./rules";

const TICK = { fill: "var(--faint)", fontSize: 12 };
const LINES = [
  { name: "caught", label: "recall", colour: "var(--chart-1)" },
  { name: "right", label: "precision", colour: "var(--chart-3)", dash: "5 3" },
  { name: "alarms", label: t("everyday texts flagged"), colour: "var(--chart-2)", dash: "2 2" },
];

interface ThresholdEffectProps {
  effect: Effect;
  side: Side;
  saved: number;
  threshold: number;
  onChoose: (threshold: number) => void;
}

export function ThresholdEffect({ effect, side, saved, threshold, onChoose }: ThresholdEffectProps) {
  const curve = points(effect);
  return (
    <Card title={effect.category} aside={<span className="text-[13px] text-muted tabular-nums">{t("threshold {{threshold}}", { threshold: threshold.toFixed(2) })}</span>}>
      {curve.length > 0 && effect.positives > 0 ? (
        <ThresholdPlot effect={effect} saved={saved} threshold={threshold} />
      ) : (
        <p className="text-sm text-muted">{t("This filter was not evaluated in this category, so there is no curve.")}</p>
      )}
      <ThresholdTable effect={effect} side={side} saved={saved} threshold={threshold} />
      {effect.suggested !== null && effect.suggested !== threshold && (
        <Button small className="mt-3" onClick={() => onChoose(effect.suggested!)}>
          {t("Use {{suggested}} (best fit to {{decisions}})", { suggested: effect.suggested.toFixed(2), decisions: t("{{count}} decisions", { count: effect.decisions.length }) })}
        </Button>
      )}
    </Card>
  );
}

function ThresholdPlot({ effect, saved, threshold }: Omit<ThresholdEffectProps, "side" | "onChoose">) {
  return (
    <div className="h-56" aria-hidden>
      <ResponsiveContainer width="100%" height="100%">
        <LineChart data={points(effect)} margin={{ top: 16, right: 10, bottom: 0, left: -18 }} accessibilityLayer={false}>
          <CartesianGrid stroke="var(--line)" vertical={false} />
          <XAxis dataKey="threshold" type="number" domain={[0, 1]} tick={TICK} stroke="var(--line-strong)" tickLine={false} />
          <YAxis domain={[0, 1]} tick={TICK} stroke="transparent" width={58} tickFormatter={percent} />
          <Tooltip
            formatter={(value) => percent(Number(value))}
            labelFormatter={(label) => t("threshold {{threshold}}", { threshold: Number(label).toFixed(2) })}
            contentStyle={{ background: "var(--surface)", border: "1px solid var(--line)", borderRadius: 10, fontSize: 13 }}
            labelStyle={{ color: "var(--muted)" }}
          />
          <Legend iconType="plainline" itemSorter={null} wrapperStyle={{ fontSize: 13 }} />
          {saved !== threshold && <ReferenceLine x={saved} stroke="var(--faint)" strokeDasharray="2 3" />}
          <ReferenceLine x={threshold} stroke="var(--ink)" label={{ value: "threshold", position: "top", fill: "var(--muted)", fontSize: 12 }} />
          {LINES.map(({ name, label, colour, dash }) => (
            <Line key={name} dataKey={name} name={label} stroke={colour} strokeWidth={2} strokeDasharray={dash} dot={false} isAnimationActive={false} />
          ))}
        </LineChart>
      </ResponsiveContainer>
    </div>
  );
}

function ThresholdTable({ effect, side, saved, threshold }: Omit<ThresholdEffectProps, "onChoose">) {
  const [now, then] = [stepOf(saved), stepOf(threshold)];
  const decided = effect.decisions.filter(({ score, holds }) => score >= threshold === holds).length;
  const measured: [string, string, string][] = effect.positives
    ? [
        [t("Recall ({{texts}})", { texts: t("{{count}} harmful texts", { count: effect.positives }) }), percent(effect.recall[now]!), percent(effect.recall[then]!)],
        [t("Precision"), percent(effect.precision[now]!), percent(effect.precision[then]!)],
        [t("Everyday texts flagged"), percent(effect.false_alarms[now]!), percent(effect.false_alarms[then]!)],
      ]
    : [];
  const recent: [string, string, string][] = effect.recent_messages
    ? [
        [
          side === "prompt"
            ? t("Flagged among the last {{count}} prompts", { count: effect.recent_messages })
            : t("Flagged among the last {{count}} answers", { count: effect.recent_messages }),
          String(effect.recent[now]),
          String(effect.recent[then]),
        ],
      ]
    : [];
  return (
    <table className="mt-3 w-full text-sm">
      <thead className="sr-only">
        <tr>
          <th>{t("Metric")}</th>
          <th>{t("Saved")}</th>
          <th>{t("New threshold")}</th>
        </tr>
      </thead>
      <tbody>
        {[...measured, ...recent].map(([what, before, after]) => (
          <tr key={what}>
            <th scope="row" className="py-1 pe-3 text-start font-normal text-muted">
              {what}
            </th>
            <td className="py-1 text-end tabular-nums">{before === after ? "" : <span className="text-faint">{before} →</span>}</td>
            <td className="w-16 py-1 text-end font-medium tabular-nums">{after}</td>
          </tr>
        ))}
        {effect.decisions.length > 0 && (
          <tr>
            <th scope="row" className="py-1 pe-3 text-start font-normal text-muted">
              {t("Agreement with decided appeals")}
            </th>
            <td />
            <td className="py-1 text-end font-medium tabular-nums">
              {t("{{done}} of {{all}}", { done: decided, all: effect.decisions.length })}
            </td>
          </tr>
        )}
      </tbody>
    </table>
  );
}
