/** Users: roles, quotas, keys, access and sign-in links. */
import { useMutation } from "@tanstack/react-query";
import { Globe, Search, UserPlus, Users, UsersRound } from "lucide-react";
import { useDeferredValue, useState, type FormEvent } from "react";
import { Link } from "react-router";
import { users, useUsers, type UserRow, type Role } from "../../../api/account";
import { useRefresh, useSession } from "../../../api/queries";
import { copyText } from "../../../browser";
import { Badge } from "../../../components/Badge";
import { Button } from "../../../components/Button";
import { Confirm, Dialog, DialogButtons } from "../../../components/Dialog";
import { Field, Select } from "../../../components/Field";
import { ErrorMessage } from "../../../components/feedback/ErrorMessage";
import { useToast } from "../../../components/feedback/Toast";
import { ago, figure, words } from "../../../format";
import { t } from "../../../i18n";
import { keyState } from "../../account/KeysTab";
import { Erasures } from "./Erasures";
import { EmptyState } from "../../../components/feedback/EmptyState";
import { PageHeading } from "../../../components/PageHeading";
import { LoadMore, QueryResult } from "../../../components/feedback/QueryResult";
import { CountLink, Cell, Table } from "../../../components/Table";

const ROLES = (["user", "labeler", "operator"] as const).map((value) => ({ value, label: words(value) }));

const ROLE_NAMES: Record<Role, string> = { user: t("a user"), labeler: t("a labeler"), operator: t("an operator") };
const ROLE_RIGHTS: Record<Role, string> = {
  user: t("Users chat and rate answers."),
  labeler: t("Labelers also rank answers and write demonstrations, which weigh more in training."),
  operator: t("Operators can do everything: start training, promote policies, change rules and other users."),
};

const LINK = "inline-flex h-9.5 items-center gap-2 rounded-lg border border-line-strong bg-surface px-3.5 text-sm font-medium hover:bg-panel";

export function UsersTab() {
  const [query, setQuery] = useState("");
  const [inviting, setInviting] = useState(false);
  const list = useUsers(useDeferredValue(query.trim()));
  return (
    <>
      <PageHeading title={t("Users")} hint={t("Accounts, roles and keys. Messages are not shown here.")}>
        <Link
          to="/operator/people/sites"
          className={LINK}
        >
          <Globe aria-hidden className="size-4" />
          {t("Other sites")}
        </Link>
        <Link
          to="/operator/people/teams"
          className={LINK}
        >
          <UsersRound aria-hidden className="size-4" />
          {t("Teams")}
        </Link>
        <label className="flex h-9.5 items-center gap-2 rounded-lg border border-line-strong bg-surface px-2.5 text-sm">
          <Search aria-hidden className="size-4 text-muted" />
          <input
            type="search"
            aria-label={t("Search users")}
            placeholder={t("Name or id")}
            value={query}
            onChange={(event) => setQuery(event.target.value)}
            className="w-36 bg-transparent outline-none placeholder:text-muted"
          />
        </label>
        <Button kind="primary" icon={UserPlus} onClick={() => setInviting(true)}>
          {t("Invite")}
        </Button>
      </PageHeading>
      <QueryResult query={list}>
        {({ pages }) => {
          const rows = pages.flatMap((page) => page.data);
          if (rows.length === 0) return <EmptyState icon={Users}>{t("No matches.")}</EmptyState>;
          return (
            <Table columns={[t("Name"), t("Role"), t("Created"), t("Chats"), t("Feedback"), t("Requests today"), t("Keys"), t("Actions")]}>
              {rows.map((user) => (
                <Row key={user.id} user={user} />
              ))}
            </Table>
          );
        }}
      </QueryResult>
      <LoadMore query={list} />
      <Erasures />
      <Dialog open={inviting} onClose={() => setInviting(false)} title={t("Invite a user")}>
        <Invite onClose={() => setInviting(false)} />
      </Dialog>
    </>
  );
}

function Row({ user }: { user: UserRow }) {
  const [open, setOpen] = useState(false);
  const active = user.keys.filter((key) => keyState(key) === "active").length;
  return (
    <tr>
      <Cell>
        <span className="block font-medium">{user.name}</span>
        <span className="block text-xs text-muted">{user.login ?? t("no password")}</span>
      </Cell>
      <Cell>
        <Badge tone={user.role === "user" ? "plain" : "accent"}>{words(user.role)}</Badge>{" "}
        {user.disabled_at && <Badge tone="danger">{t("Disabled")}</Badge>}
      </Cell>
      <Cell className="whitespace-nowrap text-muted">{ago(user.created_at)}</Cell>
      <Cell className="tabular-nums">{user.conversations}</Cell>
      <Cell>
        <CountLink to={`/operator/feedback/judgements?author=${user.id}`}>{user.feedback}</CountLink>
      </Cell>
      <Cell className="whitespace-nowrap text-muted tabular-nums">
        {figure(user.quota.requests_used)}
        {user.quota.requests_limit > 0 && ` ${t("of {{limit}}", { limit: user.quota.requests_limit })}`}
      </Cell>
      <Cell className="tabular-nums">{active}</Cell>
      <Cell className="text-end">
        <Button small onClick={() => setOpen(true)} aria-label={t("Manage {{name}}", { name: user.name })}>
          {t("Manage")}
        </Button>
        <Dialog open={open} onClose={() => setOpen(false)} title={user.name} description={user.id}>
          <Manage user={user} />
        </Dialog>
      </Cell>
    </tr>
  );
}

function useChange(user: UserRow) {
  const refresh = useRefresh();
  const toast = useToast();
  return useMutation({
    mutationFn: (body: Parameters<typeof users.change>[1]) => users.change(user.id, body),
    onSuccess: () => {
      void refresh("operator", "people");
      toast(t("Saved."));
    },
  });
}

function Manage({ user }: { user: UserRow }) {
  const change = useChange(user);
  const me = useSession().data?.user?.id;
  const [next, setNext] = useState<Role | null>(null);
  const [link, setLink] = useState("");
  const [error, setError] = useState<unknown>(null);
  return (
    <div className="space-y-5">
      <Select
        label={t("Role")}
        value={user.role}
        options={ROLES}
        disabled={change.isPending}
        onChange={(event) => setNext(event.target.value as Role)}
      />
      <Confirm
        open={next !== null}
        onClose={() => setNext(null)}
        title={t("Make {{name}} {{role}}?", { name: user.name, role: ROLE_NAMES[next ?? user.role] })}
        action={t("Change role")}
        onConfirm={() => change.mutateAsync({ role: next! })}
      >
        {ROLE_RIGHTS[next ?? user.role]}
      </Confirm>
      <Quota user={user} change={change} />
      <Keys user={user} />
      {link && <SignInLink path={link} />}
      <ErrorMessage error={change.error ?? error} />
      <div className="flex flex-wrap gap-2">
        <Button onClick={() => users.link(user.id).then((made) => setLink(made.path), setError)}>{t("Create sign-in link")}</Button>
        <Button
          kind={user.disabled_at ? "secondary" : "danger"}
          disabled={change.isPending || user.id === me}
          onClick={() => change.mutate({ disabled: !user.disabled_at })}
        >
          {user.disabled_at ? t("Enable account") : t("Disable account")}
        </Button>
      </div>
    </div>
  );
}

function Quota({ user, change }: { user: UserRow; change: ReturnType<typeof useChange> }) {
  const [requests, setRequests] = useState(String(user.quota.requests_limit));
  const [tokens, setTokens] = useState(String(user.quota.tokens_limit));

  function submit(event: FormEvent) {
    event.preventDefault();
    change.mutate({ quota: { requests: Number(requests), tokens: Number(tokens) } });
  }

  return (
    <form onSubmit={submit}>
      <div className="flex items-end gap-2">
        <Field label={t("Requests per day")} type="number" min={0} value={requests} onChange={(e) => setRequests(e.target.value)} />
        <Field label={t("Tokens per day")} type="number" min={0} value={tokens} onChange={(e) => setTokens(e.target.value)} />
        <Button type="submit" className="h-10">
          {t("Save")}
        </Button>
      </div>
      <p className="mt-1.5 text-[13px] text-muted">
        {t("0 = unlimited.")}{" "}
        {user.own_quota ? (
          <button type="button" className="underline underline-offset-2" onClick={() => change.mutate({ role_quota: true })}>
            {t("Reset to the role's default quota")}
          </button>
        ) : (
          t("Using the role's default quota.")
        )}
      </p>
    </form>
  );
}

function Keys({ user }: { user: UserRow }) {
  const refresh = useRefresh();
  const keys = user.keys.filter((key) => keyState(key) === "active");
  if (keys.length === 0) return null;
  return (
    <ul className="divide-y divide-line rounded-xl border border-line text-sm">
      {keys.map((key) => (
        <li key={key.id} className="flex items-center gap-3 px-3 py-2">
          <span className="min-w-0 flex-1 truncate">
            {key.name} <span className="font-mono text-xs text-muted">{key.prefix}…</span>
          </span>
          <span className="text-xs text-muted">{key.last_used_at ? ago(key.last_used_at) : t("never used")}</span>
          <Button small onClick={() => void users.revokeKey(key.id).then(() => refresh("operator", "people"))}>
            {t("Revoke")}
          </Button>
        </li>
      ))}
    </ul>
  );
}

function Invite({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("labeler");
  const refresh = useRefresh();
  const invite = useMutation({
    mutationFn: () => users.invite(name.trim(), role),
    onSuccess: () => refresh("operator", "people"),
  });

  function submit(event: FormEvent) {
    event.preventDefault();
    invite.mutate();
  }

  if (invite.data)
    return (
      <>
        <SignInLink path={invite.data.path} />
        <DialogButtons>
          <Button kind="primary" onClick={onClose}>
            {t("Done")}
          </Button>
        </DialogButtons>
      </>
    );
  return (
    <form onSubmit={submit} className="space-y-4">
      <Field label={t("Name")} autoFocus maxLength={100} value={name} onChange={(event) => setName(event.target.value)} />
      <Select label={t("Role")} value={role} options={ROLES} onChange={(event) => setRole(event.target.value as Role)} />
      <ErrorMessage error={invite.error} />
      <DialogButtons>
        <Button onClick={onClose}>{t("Cancel")}</Button>
        <Button type="submit" kind="primary" disabled={name.trim() === "" || invite.isPending}>
          {t("Create link")}
        </Button>
      </DialogButtons>
    </form>
  );
}

function SignInLink({ path }: { path: string }) {
  const toast = useToast();
  const address = location.origin + path;
  return (
    <div>
      <p className="text-sm text-muted">{t("One-time sign-in link, valid for one hour. It is shown only once.")}</p>
      <code className="mt-2 block rounded-xl border border-line bg-panel px-4 py-3 font-mono text-xs break-all" data-testid="link">
        {address}
      </code>
      <Button small className="mt-2" onClick={() => void copyText(address).then(() => toast(t("Copied.")))}>
        {t("Copy")}
      </Button>
    </div>
  );
}
