/** The frame of all pages except the chat: logo, tabs, theme switch, and the link to the chat. */
import clsx from "clsx";
import { ArrowLeft, Moon, Sun, type LucideIcon } from "lucide-react";
import { useEffect, useRef, type ReactNode } from "react";
import { Link, NavLink, useLocation } from "react-router";
import { t } from "../i18n";
import { chooseTheme, useTheme } from "../theme";
import { IconButton } from "./Button";
import { Logo } from "./Logo";

export interface Tab {
  path: string;
  label: string;
  icon: LucideIcon;
}

interface ShellProps {
  /** The address of these pages, such as /operator. */
  home: string;
  name: string;
  tabs: Tab[];
  children: ReactNode;
}

export function Shell({ home, name, tabs, children }: ShellProps) {
  useEffect(() => {
    document.title = `${name} · Tutelage`;
  }, [name]);
  return (
    <div className="flex min-h-full flex-col">
      <header className="sticky top-0 z-20 border-b border-line bg-canvas/90 backdrop-blur">
        <div className="mx-auto flex max-w-6xl flex-wrap items-center gap-x-5 px-4 sm:px-6 xl:h-14 xl:flex-nowrap">
          <Link to={home} className="inline-flex h-14 items-center rounded-lg" aria-label={t("Tutelage, {{name}} pages", { name })}>
            <Logo />
          </Link>
          <div className="ms-auto flex items-center gap-1 xl:order-3">
            <Appearance />
            <Link
              to="/"
              className="inline-flex h-9 items-center gap-2 rounded-lg px-2.5 text-sm text-muted hover:bg-panel hover:text-ink"
            >
              <ArrowLeft aria-hidden className="size-4" />
              {t("Chat")}
            </Link>
          </div>
          <Tabs home={home} name={name} tabs={tabs} />
        </div>
      </header>
      <main className="mx-auto w-full max-w-6xl flex-1 px-4 py-6 sm:px-6 sm:py-8">{children}</main>
    </div>
  );
}

function Appearance() {
  useTheme();
  const dark = document.documentElement.dataset.theme === "dark";
  return (
    <IconButton
      icon={dark ? Sun : Moon}
      label={dark ? t("Light theme") : t("Dark theme")}
      onClick={() => chooseTheme(dark ? "light" : "dark")}
    />
  );
}

function Tabs({ home, name, tabs }: Omit<ShellProps, "children">) {
  const nav = useRef<HTMLElement>(null);
  const { pathname } = useLocation();
  useEffect(() => {
    const show = () => nav.current?.querySelector("[aria-current=page]")?.scrollIntoView({ inline: "center", block: "nearest" });
    show();
    addEventListener("resize", show);
    return () => removeEventListener("resize", show);
  }, [pathname]);
  return (
    <nav
      ref={nav}
      aria-label={t("{{name}} pages", { name })}
      className="-mb-px flex w-full gap-0.5 overflow-x-auto [scrollbar-width:none] xl:order-2 xl:w-auto"
    >
      {tabs.map(({ path, label, icon: Icon }) => (
        <NavLink
          key={path}
          to={`${home}/${path}`}
          className={({ isActive }) =>
            clsx(
              "inline-flex h-11 items-center gap-2 border-b-2 px-2 text-sm font-medium whitespace-nowrap -outline-offset-2 xl:h-14",
              isActive ? "border-accent text-ink" : "border-transparent text-muted hover:text-ink",
            )
          }
        >
          <Icon aria-hidden className="size-4 xl:hidden" />
          {label}
        </NavLink>
      ))}
    </nav>
  );
}
