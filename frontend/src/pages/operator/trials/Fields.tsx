/** Fields of the trials' forms. */
import type { ReactNode } from "react";

const BOX = "mt-1 block w-full rounded-lg border border-line-strong bg-surface px-3 py-2 text-sm text-ink";

interface ChoiceProps {
  label: string;
  value: string;
  options: [string, string][];
  onChange: (value: string) => void;
}

export function Choice({ label, value, options, onChange }: ChoiceProps) {
  return (
    <label className="block text-sm text-muted">
      {label}
      <select value={value} onChange={(event) => onChange(event.target.value)} className={BOX}>
        {options.map(([each, text]) => (
          <option key={each} value={each}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

interface CheckProps {
  on: boolean;
  onChange: (on: boolean) => void;
  children: ReactNode;
}

export function Check({ on, onChange, children }: CheckProps) {
  return (
    <label className="flex items-start gap-2.5 text-sm">
      <input type="checkbox" checked={on} onChange={(e) => onChange(e.target.checked)} className="mt-0.5 size-4 shrink-0 accent-accent" />
      <span>{children}</span>
    </label>
  );
}

interface NumberProps {
  label: string;
  value: number;
  min: number;
  max: number;
  onChange: (value: number) => void;
}

export function Number({ label, value, min, max, onChange }: NumberProps) {
  return (
    <label className="block text-sm text-muted">
      {label}
      <input type="number" value={value} min={min} max={max} onChange={(e) => onChange(e.target.valueAsNumber || min)} className={BOX} />
    </label>
  );
}

interface TextProps {
  label: string;
  value: string;
  hint: string;
  onChange: (value: string) => void;
}

export function Text({ label, value, hint, onChange }: TextProps) {
  return (
    <label className="block text-sm text-muted">
      {label}
      <input value={value} placeholder={hint} onChange={(event) => onChange(event.target.value)} className={`${BOX} font-mono`} />
    </label>
  );
}
