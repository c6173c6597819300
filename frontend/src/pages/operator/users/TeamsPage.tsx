/** Teams: who is in them, and their policies. */
import { useMutation } from "@tanstack/react-query";
import { Plus, UserPlus, UsersRound, X } from "lucide-react";
import { useDeferredValue, useState, type FormEvent } from "react";
import { Link } from "react-router";
import { useUsers } from "../../../api/account";
import { usePolicies, useRefresh } from "../../../api/queries";
import { teams, useTeams, type Team } from "../../../api/teams";
import { Button, IconButton } from "../../../components/Button";
import { Confirm, Dialog, DialogButtons } from "../../../components/Dialog";
import { EmptyState } from "../../../components/feedback/EmptyState";
import { ErrorMessage } from "../../../components/feedback/ErrorMessage";
import { QueryResult } from "../../../components/feedback/QueryResult";
import { Field } from "../../../components/Field";
import { BackLink, PageHeading } from "../../../components/PageHeading";
import { StateBadge } from "../../../components/StateBadge";
import { Cell, Table } from "../../../components/Table";
import { t } from "../../../i18n";

export function TeamsPage() {
  const query = useTeams();
  const [making, setMaking] = useState(false);
  return (
    <>
      <BackLink to="/operator/people">{t("Users")}</BackLink>
      <PageHeading
        title={t("Teams")}
        hint={t("What members of a team say teaches a policy of the team, which answers its members alone. Labelers and other teams never see it.")}
      >
        <Button kind="primary" icon={Plus} onClick={() => setMaking(true)}>
          {t("New team")}
        </Button>
      </PageHeading>
      <QueryResult query={query}>
        {({ data }) =>
          data.length === 0 ? (
            <EmptyState icon={UsersRound}>{t("No teams yet. Everybody teaches the common policy.")}</EmptyState>
          ) : (
            <Table columns={[t("Name"), t("Members"), t("Policies"), t("Actions")]}>
              {data.map((team) => (
                <Row key={team.id} team={team} />
              ))}
            </Table>
          )
        }
      </QueryResult>
      <Dialog open={making} onClose={() => setMaking(false)} title={t("New team")}>
        <NameForm action={t("Create")} save={(name) => teams.create(name)} onClose={() => setMaking(false)} />
      </Dialog>
    </>
  );
}

function Row({ team }: { team: Team }) {
  const refresh = useRefresh();
  const policies = usePolicies().data?.data.filter((policy) => policy.team_id === team.id) ?? [];
  const [open, setOpen] = useState<"members" | "name" | "deletion" | null>(null);
  const close = () => setOpen(null);
  return (
    <tr>
      <Cell className="font-medium">
        <bdi>{team.name}</bdi>
      </Cell>
      <Cell className="text-muted">{team.members.length > 0 ? team.members.map((member) => member.name).join(", ") : t("nobody")}</Cell>
      <Cell>
        {policies.length === 0 && <span className="text-muted">{t("none; the common policy answers")}</span>}
        {policies.map((policy) => (
          <span key={policy.id} className="flex items-center gap-2 whitespace-nowrap">
            <Link to={`/operator/policies/${policy.id}`} className="underline-offset-4 hover:underline">
              {policy.id}
            </Link>
            <StateBadge state={policy.state} />
          </span>
        ))}
      </Cell>
      <Cell className="text-end">
        <span className="inline-flex flex-wrap justify-end gap-2">
          <Button small onClick={() => setOpen("members")} aria-label={t("Members of {{name}}", { name: team.name })}>
            {t("Members")}
          </Button>
          <Button small onClick={() => setOpen("name")} aria-label={t("Rename {{name}}", { name: team.name })}>
            {t("Rename")}
          </Button>
          <Button small onClick={() => setOpen("deletion")} aria-label={t("Delete {{name}}", { name: team.name })}>
            {t("Delete")}
          </Button>
        </span>
        <Dialog open={open === "members"} onClose={close} title={t("Members of {{name}}", { name: team.name })}>
          <Members team={team} />
        </Dialog>
        <Dialog open={open === "name"} onClose={close} title={t("Rename {{name}}", { name: team.name })}>
          <NameForm name={team.name} action={t("Save")} save={(name) => teams.rename(team.id, name)} onClose={close} />
        </Dialog>
        <Confirm
          danger
          open={open === "deletion"}
          onClose={close}
          title={t("Delete the team “{{name}}”?", { name: team.name })}
          action={t("Delete")}
          onConfirm={async () => {
            await teams.erase(team.id);
            await refresh("operator");
          }}
        >
          {t("This deletes its policies and all that they were trained on. Members keep their chats, and the common policy answers them. This cannot be undone.")}
        </Confirm>
      </Cell>
    </tr>
  );
}

interface NameFormProps {
  name?: string;
  action: string;
  save: (name: string) => Promise<unknown>;
  onClose: () => void;
}

function NameForm({ name = "", action, save, onClose }: NameFormProps) {
  const [text, setText] = useState(name);
  const refresh = useRefresh();
  const saving = useMutation({
    mutationFn: () => save(text.trim()),
    onSuccess: async () => {
      await refresh("operator");
      onClose();
    },
  });
  function submit(event: FormEvent) {
    event.preventDefault();
    saving.mutate();
  }
  return (
    <form onSubmit={submit} className="space-y-4">
      <Field label={t("Name")} required maxLength={100} value={text} onChange={(event) => setText(event.target.value)} />
      <ErrorMessage error={saving.error} />
      <DialogButtons>
        <Button onClick={onClose}>{t("Cancel")}</Button>
        <Button kind="primary" type="submit" disabled={saving.isPending}>
          {action}
        </Button>
      </DialogButtons>
    </form>
  );
}

function Members({ team }: { team: Team }) {
  const [query, setQuery] = useState("");
  const refresh = useRefresh();
  const found = useUsers(useDeferredValue(query.trim())).data?.pages.flatMap((page) => page.data) ?? [];
  const others = found.filter((user) => !team.members.some((member) => member.id === user.id)).slice(0, 8);
  const change = useMutation({ mutationFn: (act: () => Promise<unknown>) => act(), onSuccess: () => refresh("operator") });
  return (
    <div className="space-y-4">
      {team.members.length === 0 && <p className="text-sm text-muted">{t("Nobody is in this team yet.")}</p>}
      <ul className="flex flex-wrap gap-2">
        {team.members.map((member) => (
          <li key={member.id} className="inline-flex items-center gap-1 rounded-full border border-line ps-3 pe-1 text-sm">
            <bdi>{member.name}</bdi>
            <IconButton icon={X} label={t("Remove {{name}}", { name: member.name })} onClick={() => change.mutate(() => teams.remove(team.id, member.id))} />
          </li>
        ))}
      </ul>
      <Field type="search" label={t("Add a user")} placeholder={t("Name or id")} value={query} onChange={(event) => setQuery(event.target.value)} />
      <ul className="divide-y divide-line">
        {others.map((user) => (
          <li key={user.id} className="flex items-center justify-between gap-3 py-1.5 text-sm">
            <bdi className="min-w-0 truncate">{user.name}</bdi>
            <Button small icon={UserPlus} onClick={() => change.mutate(() => teams.add(team.id, user.id))} aria-label={t("Add {{name}}", { name: user.name })}>
              {t("Add")}
            </Button>
          </li>
        ))}
      </ul>
      <p className="text-[13px] text-muted">{t("A person is in one team at most: adding them here takes them out of another.")}</p>
      <ErrorMessage error={change.error} />
    </div>
  );
}
