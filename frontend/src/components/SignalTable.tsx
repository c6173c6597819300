/** How far what people do with answers agrees with what they say of them, by signal. */
import type { SignalReliability, SignalWeight } from "../api/types";
import { figure } from "../figure";
import { t } from "../i18n";
import { Cell, Table } from "./Table";

const NAMES: Record<SignalReliability["signal"], string> = {
  copied: t("Copied the answer"),
  regenerated: t("Asked for another answer"),
  edited: t("Edited the prompt"),
  rephrased: t("Asked the same again"),
  stopped: t("Stopped the answer"),
};

/** Of an iteration's signals also what each weighs in training. */
export function SignalTable({ signals }: { signals: (SignalReliability | SignalWeight)[] }) {
  const weighed = signals.some((each) => "weight" in each);
  const columns = [t("What people did"), t("Says the same as their ratings"), t("Pairs")];
  return (
    <Table columns={weighed ? [...columns, t("Weight in training")] : columns}>
      {signals.map(({ signal, share, low, high, pairs, ...rest }) => (
        <tr key={signal}>
          <Cell>{NAMES[signal]}</Cell>
          <Cell className="whitespace-nowrap tabular-nums">
            {percent(share)} % <span className="text-muted">({t("{{low}} to {{high}} %", { low: percent(low), high: percent(high) })})</span>
          </Cell>
          <Cell className="tabular-nums">{figure(pairs)}</Cell>
          {"weight" in rest && <Cell className="tabular-nums">{rest.weight ? figure(rest.weight) : t("not used")}</Cell>}
        </tr>
      ))}
    </Table>
  );
}

function percent(share: number): string {
  return figure(Math.round(100 * share));
}
