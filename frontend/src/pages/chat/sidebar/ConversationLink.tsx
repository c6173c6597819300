/** A conversation in the list: open, pin, rename, delete. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import clsx from "clsx";
import { Ellipsis, Pencil, Pin, PinOff, Trash2 } from "lucide-react";
import { useState, type FormEvent, type KeyboardEvent } from "react";
import { Link, useNavigate } from "react-router";
import { conversations } from "../../../api/client";
import type { ConversationRow } from "../../../api/types";
import { Confirm } from "../../../components/Dialog";
import { Menu, MenuItem } from "../../../components/Menu";
import { useToast } from "../../../components/feedback/Toast";
import { t } from "../../../i18n";
import { forgetConversation } from "../storage";
import { isLive } from "../turn";
import { announce } from "../otherTabs";
import { turns, useTurns } from "../turns";

interface ConversationLinkProps {
  row: ConversationRow;
  active: boolean;
  onPick: () => void;
}

export function ConversationLink({ row, active, onPick }: ConversationLinkProps) {
  const [renaming, setRenaming] = useState(false);
  const [deleting, setDeleting] = useState(false);
  const live = useTurns().some((turn) => turn.conversationId === row.id && isLive(turn));
  const title = row.title || t("Untitled");
  const client = useQueryClient();
  const toast = useToast();
  const pin = useMutation({
    mutationFn: (pinned: boolean) => conversations.update(row.id, { pinned }),
    onError: (error) => toast(error.message),
    onSettled: () => client.invalidateQueries({ queryKey: ["conversations"] }),
  });

  return (
    <li
      className={clsx(
        "group relative flex items-center rounded-lg text-sm [contain-intrinsic-size:auto_36px] [content-visibility:auto] [overflow-clip-margin:4px]",
        active ? "bg-surface font-medium shadow-soft dark:bg-line" : "hover:bg-surface/70",
      )}
    >
      {renaming ? (
        <Rename row={row} onDone={() => setRenaming(false)} />
      ) : (
        <>
          <Link
            to={`/c/${row.id}`}
            onClick={onPick}
            aria-current={active ? "page" : undefined}
            className="flex min-w-0 flex-1 items-center gap-2 rounded-lg py-2 pe-9 ps-3"
          >
            {row.pinned_at !== null && <Pin aria-label={t("Pinned")} className="size-3.5 shrink-0 text-accent-ink" />}
            <span className="min-w-0">
              <bdi className="block truncate">{title}</bdi>
              {row.passage && row.passage !== title && <bdi className="line-clamp-2 text-xs font-normal text-muted">{row.passage}</bdi>}
            </span>
            {live && <span className="size-2 shrink-0 animate-pulse rounded-full bg-accent" title={t("Generating an answer")} />}
          </Link>
          <Menu
            trigger={
              <button
                type="button"
                aria-label={t("Options for {{title}}", { title })}
                className={clsx(
                  "absolute end-1.5 inline-flex size-7 items-center justify-center rounded-md text-muted hover:bg-panel hover:text-ink",
                  "focus-visible:opacity-100 data-[state=open]:opacity-100 pointer-coarse:opacity-100",
                  active ? "opacity-100" : "opacity-0 group-hover:opacity-100",
                )}
              >
                <Ellipsis aria-hidden className="size-4" />
              </button>
            }
          >
            <MenuItem icon={row.pinned_at === null ? Pin : PinOff} onSelect={() => pin.mutate(row.pinned_at === null)}>
              {row.pinned_at === null ? t("Pin") : t("Unpin")}
            </MenuItem>
            <MenuItem icon={Pencil} onSelect={() => setRenaming(true)}>
              {t("Rename")}
            </MenuItem>
            <MenuItem danger icon={Trash2} onSelect={() => setDeleting(true)}>
              {t("Delete")}
            </MenuItem>
          </Menu>
        </>
      )}
      <Delete row={row} title={title} active={active} open={deleting} onClose={() => setDeleting(false)} />
    </li>
  );
}

function Rename({ row, onDone }: { row: ConversationRow; onDone: () => void }) {
  const [title, setTitle] = useState(row.title);
  const client = useQueryClient();
  const toast = useToast();
  const rename = useMutation({
    mutationFn: () => conversations.update(row.id, { title: title.trim() }),
    onError: (error) => toast(error.message),
    onSettled: async () => {
      await client.invalidateQueries({ queryKey: ["conversations"] });
      void client.invalidateQueries({ queryKey: ["conversation", row.id] });
      onDone();
    },
  });

  function save(event?: FormEvent) {
    event?.preventDefault();
    if (rename.isPending) return;
    if (title.trim() === "" || title.trim() === row.title) onDone();
    else rename.mutate();
  }

  return (
    <form onSubmit={save} className="flex-1 p-1">
      <input
        autoFocus
        aria-label={t("Title")}
        maxLength={200}
        value={title}
        onFocus={(event) => event.target.select()}
        onChange={(event) => setTitle(event.target.value)}
        onBlur={() => save()}
        onKeyDown={(event: KeyboardEvent) => event.key === "Escape" && onDone()}
        className="w-full rounded-md border border-accent bg-surface px-2 py-1 font-normal outline-none"
      />
    </form>
  );
}

interface DeleteProps {
  row: ConversationRow;
  title: string;
  active: boolean;
  open: boolean;
  onClose: () => void;
}

function Delete({ row, title, active, open, onClose }: DeleteProps) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const toast = useToast();

  async function erase() {
    turns.abandon(row.id);
    await conversations.erase(row.id);
    forgetConversation(row.id);
    if (active) await navigate("/");
    client.removeQueries({ queryKey: ["conversation", row.id] });
    announce(row.id);
    await client.invalidateQueries({ queryKey: ["conversations"] });
    toast(t("Conversation deleted."));
  }

  return (
    <Confirm danger open={open} onClose={onClose} title={t("Delete this conversation?")} action={t("Delete")} onConfirm={erase}>
      <p>
        {t("This deletes “{{title}}” with all its messages and your feedback. This cannot be undone. Models already trained on it are not changed.", { title })}
      </p>
    </Confirm>
  );
}
