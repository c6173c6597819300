/** A menu that opens from a button. */
import clsx from "clsx";
import { Check, ChevronRight, type LucideIcon } from "lucide-react";
import { DropdownMenu as Radix } from "radix-ui";
import type { ReactNode } from "react";

const ITEM =
  "flex cursor-default items-center gap-2.5 rounded-lg px-2.5 py-2 text-sm outline-none select-none " +
  "data-highlighted:bg-panel data-disabled:opacity-45 data-[state=open]:bg-panel";
const CARD = "z-50 min-w-48 animate-appear rounded-xl border border-line bg-surface p-1.5 shadow-float";

interface MenuProps {
  trigger: ReactNode;
  side?: "top" | "bottom";
  align?: "start" | "end";
  /** Takes the focus when the menu closes; without it the focus returns to the trigger. */
  onClosed?: () => void;
  children: ReactNode;
}

export function Menu({ trigger, side = "bottom", align = "end", onClosed, children }: MenuProps) {
  function close(event: Event) {
    if (!onClosed) return;
    event.preventDefault();
    onClosed();
  }

  return (
    <Radix.Root>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          side={side}
          align={align}
          sideOffset={6}
          collisionPadding={8}
          onCloseAutoFocus={close}
          className={CARD}
        >
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

interface SubMenuProps {
  icon: LucideIcon;
  label: string;
  disabled: boolean;
  children: ReactNode;
}

/** A submenu; a long one scrolls. */
export function SubMenu({ icon: Icon, label, disabled, children }: SubMenuProps) {
  return (
    <Radix.Sub>
      <Radix.SubTrigger disabled={disabled} className={ITEM}>
        <Icon aria-hidden className="size-4 text-muted" />
        {label}
        <ChevronRight aria-hidden className="ms-auto size-4 text-muted" />
      </Radix.SubTrigger>
      <Radix.Portal>
        <Radix.SubContent sideOffset={4} collisionPadding={8} className={clsx(CARD, "max-h-72 overflow-y-auto")}>
          {children}
        </Radix.SubContent>
      </Radix.Portal>
    </Radix.Sub>
  );
}

interface MenuItemProps {
  icon?: LucideIcon;
  danger?: boolean;
  disabled?: boolean;
  onSelect: () => void;
  children: ReactNode;
}

export function MenuItem({ icon: Icon, danger, disabled, onSelect, children }: MenuItemProps) {
  return (
    <Radix.Item disabled={disabled} onSelect={onSelect} className={clsx(ITEM, danger && "text-danger")}>
      {Icon && <Icon aria-hidden className={clsx("size-4", !danger && "text-muted")} />}
      {children}
    </Radix.Item>
  );
}

interface MenuChoiceProps<Value extends string> {
  label: string;
  value: Value;
  options: { value: Value; label: string; icon: LucideIcon }[];
  onChange: (value: Value) => void;
}

export function MenuChoice<Value extends string>({ label, value, options, onChange }: MenuChoiceProps<Value>) {
  return (
    <Radix.RadioGroup value={value} onValueChange={(next) => onChange(next as Value)}>
      <Radix.Label className="px-2.5 pt-1.5 pb-1 text-xs font-medium text-faint">{label}</Radix.Label>
      {options.map(({ value: option, label: name, icon: Icon }) => (
        <Radix.RadioItem key={option} value={option} onSelect={(event) => event.preventDefault()} className={ITEM}>
          <Icon aria-hidden className="size-4 text-muted" />
          {name}
          <Radix.ItemIndicator className="ms-auto text-accent-ink">
            <Check aria-hidden className="size-4" />
          </Radix.ItemIndicator>
        </Radix.RadioItem>
      ))}
    </Radix.RadioGroup>
  );
}

const NUMBER =
  "inline-flex size-8 cursor-default items-center justify-center rounded-lg text-sm tabular-nums outline-none select-none " +
  "data-highlighted:bg-panel aria-checked:bg-accent-soft aria-checked:font-medium aria-checked:text-accent-ink";

/** How many answers can be compared at once. */
const NUMBERS = [2, 3, 4, 5, 6, 7, 8, 9];

interface MenuNumbersProps {
  label: string;
  /** The accessible name of a number. */
  name: (n: number) => string;
  /** The chosen number; left out where each number is an action. */
  chosen?: number;
  onSelect: (n: number) => void;
}

/** The number of answers, as a row of numbers. */
export function MenuNumbers({ label, name, chosen, onSelect }: MenuNumbersProps) {
  return (
    <Radix.Group aria-label={label}>
      <Radix.Label className="px-2.5 pt-1.5 pb-1 text-xs font-medium text-faint">{label}</Radix.Label>
      <div className="flex gap-0.5 px-1">
        {NUMBERS.map((n) => (
          <Radix.Item
            key={n}
            aria-label={name(n)}
            onSelect={() => onSelect(n)}
            className={NUMBER}
            {...(chosen !== undefined && { role: "menuitemradio", "aria-checked": n === chosen })}
          >
            {n}
          </Radix.Item>
        ))}
      </div>
    </Radix.Group>
  );
}

interface MenuSwitchProps {
  checked: boolean;
  onChange: (checked: boolean) => void;
  children: ReactNode;
}

export function MenuSwitch({ checked, onChange, children }: MenuSwitchProps) {
  return (
    <Radix.CheckboxItem
      checked={checked}
      onCheckedChange={onChange}
      onSelect={(event) => event.preventDefault()}
      className={ITEM}
    >
      <span className="min-w-0 flex-1">{children}</span>
      <SwitchTrack on={checked} />
    </Radix.CheckboxItem>
  );
}

export const MenuSeparator = () => <Radix.Separator className="mx-2 my-1.5 h-px bg-line" />;

/** The look of a switch; its role and keyboard handling belong to its parent. */
export function SwitchTrack({ on }: { on: boolean }) {
  return (
    <span
      aria-hidden
      className={clsx(
        "inline-flex h-5 w-8.5 shrink-0 items-center rounded-full p-0.5 transition-colors",
        on ? "bg-accent" : "bg-line-strong",
      )}
    >
      <span className={clsx("size-4 rounded-full bg-white shadow transition-transform", on && "translate-x-3.5 rtl:-translate-x-3.5")} />
    </span>
  );
}
