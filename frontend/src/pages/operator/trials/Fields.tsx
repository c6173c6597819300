/** Fields of the trials' forms. */
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
