/** Text buttons, and icon buttons with a tooltip. */
import clsx from "clsx";
import type { LucideIcon } from "lucide-react";
import { Tooltip } from "radix-ui";
import type { ComponentProps } from "react";
import { onSingleClick } from "../clicks";

type Kind = "primary" | "secondary" | "quiet" | "danger";

const KINDS: Record<Kind, string> = {
  primary: "bg-accent text-on-accent hover:bg-accent-hover",
  secondary: "border border-line-strong bg-surface text-ink hover:bg-panel",
  quiet: "text-muted hover:bg-panel hover:text-ink",
  danger: "bg-danger text-canvas hover:opacity-90",
};

interface ButtonProps extends ComponentProps<"button"> {
  kind?: Kind;
  icon?: LucideIcon;
  small?: boolean;
}

/** A double click on a primary or danger button acts once. */
export function Button({ kind = "secondary", icon: Icon, small, className, children, onClick, ...rest }: ButtonProps) {
  const once = (kind === "primary" || kind === "danger") && onClick;
  return (
    <button
      type="button"
      {...rest}
      onClick={once ? (event) => onSingleClick(event, () => once(event)) : onClick}
      className={clsx(
        "inline-flex shrink-0 items-center justify-center gap-2 rounded-lg font-medium whitespace-nowrap transition-colors",
        "disabled:cursor-not-allowed disabled:opacity-45",
        small ? "h-8 px-2.5 text-[13px]" : "h-9.5 px-3.5 text-sm",
        KINDS[kind],
        className,
      )}
    >
      {Icon && <Icon aria-hidden className="size-4" strokeWidth={2} />}
      {children}
    </button>
  );
}

interface IconButtonProps extends ComponentProps<"button"> {
  icon: LucideIcon;
  label: string;
  active?: boolean;
  filled?: boolean;
  side?: "top" | "bottom" | "right";
}

export function IconButton({ icon: Icon, label, active, filled, side = "bottom", className, ...rest }: IconButtonProps) {
  return (
    <Tip label={label} side={side}>
      <button
        type="button"
        aria-label={label}
        {...rest}
        className={clsx(
          "inline-flex size-8 shrink-0 items-center justify-center rounded-lg transition-colors",
          "disabled:cursor-not-allowed disabled:opacity-40",
          active ? "text-accent-ink" : "text-muted hover:text-ink",
          "hover:bg-panel",
          className,
        )}
      >
        <Icon aria-hidden className={clsx("size-[17px]", filled && "fill-current")} strokeWidth={1.9} />
      </button>
    </Tip>
  );
}

interface TipProps {
  label: string;
  side?: "top" | "bottom" | "right";
  children: React.ReactNode;
}

export function Tip({ label, side = "bottom", children }: TipProps) {
  return (
    <Tooltip.Root>
      <Tooltip.Trigger asChild>{children}</Tooltip.Trigger>
      <Tooltip.Portal>
        <Tooltip.Content
          side={side}
          sideOffset={5}
          collisionPadding={8}
          className="z-60 max-w-64 animate-appear rounded-md bg-ink px-2 py-1 text-xs text-canvas"
        >
          {label}
        </Tooltip.Content>
      </Tooltip.Portal>
    </Tooltip.Root>
  );
}
