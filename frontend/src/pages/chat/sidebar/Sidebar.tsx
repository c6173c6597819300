/** The conversation list; a drawer on small screens. */
import { PanelLeftClose, Search, SquarePen } from "lucide-react";
import { Dialog } from "radix-ui";
import { useDeferredValue, useEffect, useRef, useState, type ReactNode } from "react";
import { Link, useNavigate } from "react-router";
import { useConversations } from "../../../api/queries";
import type { ConversationRow } from "../../../api/types";
import { Button, IconButton } from "../../../components/Button";
import { Skeleton } from "../../../components/feedback/Loading";
import { Logo } from "../../../components/Logo";
import { ErrorMessage } from "../../../components/feedback/ErrorMessage";
import { t } from "../../../i18n";
import { AccountMenu } from "./AccountMenu";
import { ConversationLink } from "./ConversationLink";
import { groupByDay, type Group } from "./dates";

interface SidebarProps {
  current: string | undefined;
  /** Whether the drawer is open. */
  open: boolean;
  onClose: () => void;
  /** Whether it has no column of its own on wide screens. */
  collapsed: boolean;
  onCollapse: () => void;
}

export function Sidebar({ current, open, onClose, collapsed, onCollapse }: SidebarProps) {
  return (
    <>
      {!collapsed && (
        <nav aria-label={t("Conversations")} className="hidden w-72 shrink-0 border-e border-line bg-panel lg:block">
          <Content current={current} onPick={() => undefined}>
            <IconButton icon={PanelLeftClose} label={t("Hide conversation list")} onClick={onCollapse} />
          </Content>
        </nav>
      )}
      <Dialog.Root open={open} onOpenChange={(next) => !next && onClose()}>
        <Dialog.Portal>
          <Dialog.Overlay className="fixed inset-0 z-30 animate-appear bg-black/35" />
          <Dialog.Content
            aria-describedby={undefined}
            onOpenAutoFocus={(event) => event.preventDefault()}
            className="fixed inset-y-0 start-0 z-40 w-76 max-w-[86vw] animate-slide bg-panel shadow-float outline-none"
          >
            <Dialog.Title className="sr-only">{t("Conversations")}</Dialog.Title>
            <Content current={current} onPick={onClose}>
              <Dialog.Close asChild>
                <IconButton icon={PanelLeftClose} label={t("Close conversation list")} />
              </Dialog.Close>
            </Content>
          </Dialog.Content>
        </Dialog.Portal>
      </Dialog.Root>
    </>
  );
}

interface ContentProps {
  current: string | undefined;
  onPick: () => void;
  children?: ReactNode;
}

function Content({ current, onPick, children }: ContentProps) {
  const [query, setQuery] = useState("");
  const navigate = useNavigate();
  return (
    <div className="flex h-full flex-col">
      <div className="flex h-14 shrink-0 items-center justify-between pe-3 ps-4">
        <Link to="/" onClick={onPick} className="rounded-lg">
          <Logo />
        </Link>
        {children}
      </div>
      <div className="space-y-2 px-3 pt-1 pb-3">
        <Button
          icon={SquarePen}
          className="w-full"
          onClick={() => {
            onPick();
            void navigate("/");
          }}
        >
          {t("New chat")}
        </Button>
        <label className="flex h-9 items-center gap-2 rounded-lg px-2.5 text-sm text-muted focus-within:bg-surface focus-within:ring-1 focus-within:ring-line-strong hover:bg-surface">
          <Search aria-hidden className="size-4 shrink-0" />
          <input
            type="search"
            aria-label={t("Search conversations")}
            placeholder={t("Search")}
            value={query}
            onChange={(event) => setQuery(event.target.value)}
            className="w-full min-w-0 bg-transparent text-ink outline-none placeholder:text-muted"
          />
        </label>
      </div>
      <div className="min-h-0 flex-1 overflow-y-auto px-2 pb-4">
        <List current={current} query={query.trim()} onPick={onPick} />
      </div>
      <div className="shrink-0 border-t border-line p-2">
        <AccountMenu />
      </div>
    </div>
  );
}

function withPinned(rows: ConversationRow[]): Group[] {
  const pinned = rows.filter((row) => row.pinned_at !== null);
  const others = groupByDay(rows.filter((row) => row.pinned_at === null));
  return pinned.length > 0 ? [{ name: t("Pinned"), rows: pinned }, ...others] : others;
}

function List({ current, query, onPick }: { current: string | undefined; query: string; onPick: () => void }) {
  const list = useConversations(useDeferredValue(query), true);
  const rows = list.data?.pages.flatMap((page) => page.data) ?? [];
  const older = useRef<HTMLButtonElement>(null);
  const { hasNextPage, fetchNextPage } = list;

  useEffect(() => {
    if (!hasNextPage || !older.current) return;
    const observer = new IntersectionObserver(([entry]) => entry?.isIntersecting && void fetchNextPage());
    observer.observe(older.current);
    return () => observer.disconnect();
  }, [hasNextPage, fetchNextPage, rows.length]);

  if (list.isPending) return <Skeleton lines={5} className="px-3 pt-3" />;
  if (list.isError && rows.length === 0) return <ErrorMessage error={list.error} onRetry={() => void list.refetch()} className="mx-1" />;
  if (rows.length === 0)
    return (
      <p className="px-3 pt-3 text-sm text-muted">
        {query ? t("No conversations match “{{query}}”.", { query }) : t("Your conversations will appear here.")}
      </p>
    );
  return (
    <>
      {withPinned(rows).map((group) => (
        <section key={group.name} aria-label={group.name} className="not-first:mt-4">
          <h2 className="px-3 pt-1 pb-1.5 text-xs font-medium text-faint">{group.name}</h2>
          <ul>
            {group.rows.map((row) => (
              <ConversationLink key={row.id} row={row} active={row.id === current} onPick={onPick} />
            ))}
          </ul>
        </section>
      ))}
      {list.hasNextPage && (
        <Button
          ref={older}
          small
          kind="quiet"
          className="mt-2 w-full"
          disabled={list.isFetchingNextPage}
          onClick={() => void list.fetchNextPage()}
        >
          {t("Show older")}
        </Button>
      )}
    </>
  );
}
