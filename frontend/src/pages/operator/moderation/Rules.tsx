/** The moderation rules: an action and a threshold per category, with their effect in view. */
import { useQuery } from "@tanstack/react-query";
import clsx from "clsx";
import { useState } from "react";
import { moderation } from "../../../api/client";
import { useRefresh } from "../../../api/queries";
import type { ModerationRules, Rule, Side } from "../../../api/types";
import { Button } from "../../../components/Button";
import { Chips } from "../../../components/Chips";
import { ErrorMessage } from "../../../components/feedback/ErrorMessage";
import { useToast } from "../../../components/feedback/Toast";
import { ago } from "../../../format";
import { QueryResult } from "../../../components/feedback/QueryResult";
import { t } from "../../../i18n";
import { usePersisted } from "../../../persisted";
import { ThresholdEffect } from "./ThresholdEffect";
import { changes, withRule } from "./rules";

const SIDES = [
  { value: "prompt", label: t("Prompts") },
  { value: "response", label: t("Answers") },
];
const ACTIONS: Rule["action"][] = ["off", "log", "warn", "block"];

export function Rules() {
  const query = useQuery({ queryKey: ["operator", "moderation-rules"], queryFn: moderation.rules });
  return (
    <QueryResult query={query}>
      {(current) =>
        current.classifier === null ? (
          <p className="text-sm text-muted">{t("Moderation is off (TUTELAGE_MODERATION=off). No rules apply.")}</p>
        ) : (
          <Editor key={current.history[0]?.id ?? "settings"} draft={`rules.${current.history[0]?.id ?? "settings"}`} saved={current.rules} byOperator={current.set_by_operator} since={current.history[0]?.created_at} />
        )
      }
    </QueryResult>
  );
}

interface EditorProps {
  /** The name under which unsaved changes survive leaving the page. */
  draft: string;
  saved: ModerationRules;
  byOperator: boolean;
  since?: number;
}

function Editor({ draft, saved, byOperator, since }: EditorProps) {
  const [side, setSide] = useState<Side>("prompt");
  const [category, setCategory] = useState("harassment");
  const [rules, setRules] = usePersisted(draft, saved);
  const effects = useQuery({ queryKey: ["operator", "moderation-effects", side], queryFn: () => moderation.effects(side) });
  const change = (name: string, by: Partial<Rule>) => {
    setCategory(name);
    setRules(withRule(rules, side, name, by));
  };
  return (
    <>
      <div className="mb-4 flex flex-wrap items-center justify-between gap-3">
        <Chips single label={t("Applies to")} chips={SIDES} chosen={[side]} onChange={([chosen]) => setSide(chosen as Side)} />
        <p className="text-[13px] text-muted">
          {byOperator && since ? t("Set by an operator {{since}}", { since: ago(since) }) : t("Active: defaults from configuration")}
        </p>
      </div>
      <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_minmax(0,26rem)]">
        <ul className="divide-y divide-line overflow-hidden rounded-2xl border border-line bg-surface">
          {Object.entries(rules[side]!.rules).map(([name, rule]) => (
            <Row
              key={name}
              name={name}
              rule={rule}
              chosen={name === category}
              onChoose={() => setCategory(name)}
              onChange={(by) => change(name, by)}
            />
          ))}
        </ul>
        <div className="lg:sticky lg:top-20">
          <QueryResult query={effects}>
            {({ categories }) => {
              const effect = categories.find((each) => each.category === category)!;
              const rule = rules[side]!.rules[category]!;
              return (
                <ThresholdEffect
                  effect={effect}
                  side={side}
                  saved={saved[side]!.rules[category]!.threshold}
                  threshold={rule.threshold}
                  onChoose={(threshold) => change(category, { threshold })}
                />
              );
            }}
          </QueryResult>
        </div>
      </div>
      <SaveBar saved={saved} rules={rules} byOperator={byOperator} onDiscard={() => setRules(null)} />
    </>
  );
}

interface RowProps {
  name: string;
  rule: Rule;
  chosen: boolean;
  onChoose: () => void;
  onChange: (by: Partial<Rule>) => void;
}

function Row({ name, rule, chosen, onChoose, onChange }: RowProps) {
  return (
    <li className={clsx("grid gap-x-4 gap-y-2 px-4 py-3 sm:grid-cols-[10.5rem_auto_1fr] sm:items-center", chosen && "bg-accent-soft/60")}>
      <button type="button" aria-pressed={chosen} onClick={onChoose} className="text-start text-sm font-medium hover:text-accent-ink">
        {name}
      </button>
      <div role="group" aria-label={t("Action for {{name}}", { name })} className="flex w-fit rounded-lg border border-line-strong p-0.5">
        {ACTIONS.map((action) => (
          <button
            key={action}
            type="button"
            aria-pressed={rule.action === action}
            onClick={() => onChange({ action })}
            className={clsx("rounded-md px-2 py-0.5 text-[13px]", rule.action === action ? PRESSED[action] : "text-muted hover:text-ink")}
          >
            {action}
          </button>
        ))}
      </div>
      <label className={clsx("flex items-center gap-2.5", rule.action === "off" && "opacity-40")}>
        <span className="sr-only">{t("Threshold for {{name}}", { name })}</span>
        <input
          type="range"
          min={0}
          max={1}
          step={0.01}
          value={rule.threshold}
          disabled={rule.action === "off"}
          onFocus={onChoose}
          onChange={(event) => onChange({ threshold: Number(event.target.value) })}
          className="min-w-0 flex-1 accent-accent"
        />
        <output className="w-10 text-end text-[13px] text-muted tabular-nums">{rule.threshold.toFixed(2)}</output>
      </label>
    </li>
  );
}

const PRESSED: Record<Rule["action"], string> = {
  off: "bg-panel font-medium text-ink",
  log: "bg-accent-soft font-medium text-accent-ink",
  warn: "bg-warn-soft font-medium text-warn",
  block: "bg-danger-soft font-medium text-danger",
};

interface SaveBarProps {
  saved: ModerationRules;
  rules: ModerationRules;
  byOperator: boolean;
  onDiscard: () => void;
}

function SaveBar({ saved, rules, byOperator, onDiscard }: SaveBarProps) {
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const refresh = useRefresh();
  const toast = useToast();
  const count = changes(saved, rules);

  async function put(next: ModerationRules | null, message: string) {
    setBusy(true);
    setError(null);
    try {
      await moderation.setRules(next);
      await refresh("operator", "moderation-rules");
      toast(message);
    } catch (problem) {
      setError(problem);
    }
    setBusy(false);
  }

  return (
    <div className="sticky bottom-3 z-10 mt-4 rounded-2xl border border-line bg-surface px-4 py-3 shadow-float">
      <ErrorMessage error={error} className="mb-3" />
      <div className="flex flex-wrap items-center gap-2">
        <p className="me-auto text-sm text-muted" role="status">
          {count === 0 ? t("No changes.") : t("{{count}} rules changed, not saved.", { count })}
        </p>
        {byOperator && count === 0 && (
          <Button small disabled={busy} onClick={() => void put(null, t("Reset to configured defaults."))}>
            {t("Reset to configured defaults")}
          </Button>
        )}
        {count > 0 && (
          <Button small onClick={onDiscard}>
            {t("Discard")}
          </Button>
        )}
        <Button small kind="primary" disabled={busy || count === 0} onClick={() => void put(rules, t("Rules saved and active."))}>
          {t("Save rules")}
        </Button>
      </div>
    </div>
  );
}
