/** Labeled form fields: text, number, choice, checkbox. */
import clsx from "clsx";
import { useId, type ComponentProps, type ReactNode } from "react";

const LOOK =
  "h-10 w-full rounded-lg border border-line-strong bg-canvas px-3 text-sm text-ink placeholder:text-faint focus:border-accent focus:outline-none";
const FILE = "py-2 file:me-3 file:border-e file:border-line-strong file:pe-3 file:font-medium file:text-accent-ink";

interface FieldProps extends ComponentProps<"input"> {
  label: string;
  hideLabel?: boolean;
  hint?: ReactNode;
}

export function Field({ label, hideLabel, hint, className, ...rest }: FieldProps) {
  const id = useId();
  return (
    <div className={className}>
      <label htmlFor={id} className={hideLabel ? "sr-only" : "mb-1.5 block text-sm font-medium text-ink"}>
        {label}
      </label>
      <input id={id} aria-describedby={hint ? `${id}-hint` : undefined} className={clsx(LOOK, rest.type === "file" && FILE)} {...rest} />
      {hint && (
        <p id={`${id}-hint`} className="mt-1.5 text-[13px] text-muted">
          {hint}
        </p>
      )}
    </div>
  );
}

interface NumberFieldProps {
  label: string;
  value: number;
  min: number;
  max: number;
  onChange: (value: number) => void;
}

export function NumberField({ min, onChange, ...rest }: NumberFieldProps) {
  return <Field type="number" min={min} onChange={(event) => onChange(event.target.valueAsNumber || min)} {...rest} />;
}

interface SelectProps extends ComponentProps<"select"> {
  label: string;
  hideLabel?: boolean;
  options: { value: string; label: string }[];
}

export function Select({ label, hideLabel, options, className, ...rest }: SelectProps) {
  const id = useId();
  return (
    <div className={className}>
      <label htmlFor={id} className={hideLabel ? "sr-only" : "mb-1.5 block text-sm font-medium text-ink"}>
        {label}
      </label>
      <select id={id} className={clsx(LOOK, hideLabel && "h-8 px-2")} {...rest}>
        {options.map(({ value, label: name }) => (
          <option key={value} value={value}>
            {name}
          </option>
        ))}
      </select>
    </div>
  );
}

interface CheckboxProps {
  label: ReactNode;
  checked: boolean;
  disabled?: boolean;
  onChange: (checked: boolean) => void;
}

export function Checkbox({ label, checked, disabled, onChange }: CheckboxProps) {
  return (
    <label className="flex items-start gap-2.5 text-sm text-ink">
      <input
        type="checkbox"
        checked={checked}
        disabled={disabled}
        onChange={(event) => onChange(event.target.checked)}
        className="mt-0.5 size-4 accent-accent"
      />
      <span className="min-w-0">{label}</span>
    </label>
  );
}
