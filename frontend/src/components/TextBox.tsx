/** A text area with a label for screen readers. */
import clsx from "clsx";

const BOX =
  "w-full rounded-xl border border-line-strong bg-canvas px-3.5 py-2.5 text-sm placeholder:text-faint focus:border-accent focus:outline-none";

interface TextBoxProps {
  label: string;
  value: string;
  placeholder?: string;
  rows?: number;
  className?: string;
  onChange: (value: string) => void;
}

export function TextBox({ label, value, placeholder, rows = 3, className, onChange }: TextBoxProps) {
  return (
    <textarea
      aria-label={label}
      rows={rows}
      value={value}
      placeholder={placeholder}
      onChange={(event) => onChange(event.target.value)}
      className={clsx(BOX, className)}
    />
  );
}
