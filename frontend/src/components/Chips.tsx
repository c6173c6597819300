/** A group of toggle buttons, for one choice or several. */
import clsx from "clsx";

export interface Chip {
  value: string;
  label: string;
}

interface ChipsProps {
  label: string;
  chips: Chip[];
  chosen: string[];
  single?: boolean;
  onChange: (chosen: string[]) => void;
}

export function Chips({ label, chips, chosen, single, onChange }: ChipsProps) {
  function toggle(value: string) {
    if (single) onChange([value]);
    else onChange(chosen.includes(value) ? chosen.filter((other) => other !== value) : [...chosen, value]);
  }

  return (
    <div role="group" aria-label={label} className="flex flex-wrap gap-1.5">
      {chips.map(({ value, label: name }) => (
        <button
          key={value}
          type="button"
          aria-pressed={chosen.includes(value)}
          onClick={() => toggle(value)}
          className={clsx(
            "rounded-full border px-3 py-1 text-[13px] transition-colors",
            chosen.includes(value)
              ? "border-accent bg-accent-soft text-accent-ink"
              : "border-line-strong text-muted hover:border-faint hover:text-ink",
          )}
        >
          {name}
        </button>
      ))}
    </div>
  );
}
