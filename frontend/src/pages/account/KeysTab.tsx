/** API keys: create, show once, list, revoke. */
import { useMutation } from "@tanstack/react-query";
import { Copy, KeyRound, Plus } from "lucide-react";
import { useState, type FormEvent } from "react";
import { account, useKeys, type Key, type NewKey, type Scope } from "../../api/account";
import { useRefresh, useSession } from "../../api/queries";
import { copyText } from "../../browser";
import { Badge } from "../../components/Badge";
import { Button } from "../../components/Button";
import { Confirm, Dialog, DialogButtons } from "../../components/Dialog";
import { Field, Select, Checkbox } from "../../components/Field";
import { ErrorMessage } from "../../components/feedback/ErrorMessage";
import { useToast } from "../../components/feedback/Toast";
import { ago, time, words } from "../../format";
import { EmptyState } from "../../components/feedback/EmptyState";
import { PageHeading } from "../../components/PageHeading";
import { QueryResult } from "../../components/feedback/QueryResult";
import { Cell, Table } from "../../components/Table";
import { t } from "../../i18n";

const SCOPES: { value: Scope; label: string; roles: string[] }[] = [
  { value: "chat", label: t("Chat: completions, conversations, models"), roles: ["user", "labeler", "operator"] },
  { value: "feedback", label: t("Feedback: rate answers"), roles: ["user", "labeler", "operator"] },
  { value: "label", label: t("Labeling: tasks"), roles: ["labeler", "operator"] },
  { value: "operate", label: t("Operate: iterations, policies, users"), roles: ["operator"] },
];

const LIFETIMES = [
  { value: "30", label: t("30 days") },
  { value: "90", label: t("90 days") },
  { value: "365", label: t("1 year") },
  { value: "", label: t("Never") },
];

export function KeysTab() {
  const keys = useKeys();
  const user = useSession().data?.user;
  const [making, setMaking] = useState(false);
  const guest = user?.login === null && user.role === "user";
  return (
    <>
      <PageHeading title={t("API keys")} hint={t("For clients of the OpenAI API. The base URL is this server's address followed by /v1.")}>
        {!guest && (
          <Button kind="primary" icon={Plus} onClick={() => setMaking(true)}>
            {t("New key")}
          </Button>
        )}
      </PageHeading>
      <QueryResult query={keys}>
        {({ data }) =>
          data.length === 0 ? (
            <EmptyState icon={KeyRound}>{guest ? t("Guests cannot create API keys. Create an account first.") : t("No API keys yet.")}</EmptyState>
          ) : (
            <Table columns={[t("Name"), t("Key"), t("Permissions"), t("Last used"), t("Expires"), t("Actions")]}>
              {data.map((key) => (
                <Row key={key.id} row={key} />
              ))}
            </Table>
          )
        }
      </QueryResult>
      <CreateKey open={making} role={user?.role ?? "user"} onClose={() => setMaking(false)} />
    </>
  );
}

export function keyState(key: Key): "revoked" | "expired" | "active" {
  if (key.revoked_at !== null) return "revoked";
  return key.expires_at !== null && key.expires_at * 1000 < Date.now() ? "expired" : "active";
}

function Row({ row }: { row: Key }) {
  const refresh = useRefresh();
  const [leaving, setLeaving] = useState(false);
  const state = keyState(row);
  return (
    <tr>
      <Cell className="font-medium">{row.name}</Cell>
      <Cell className="font-mono text-xs whitespace-nowrap">{row.prefix}…</Cell>
      <Cell>
        <span className="flex flex-wrap gap-1">
          {(row.scopes ?? ["all"]).map((scope) => (
            <Badge key={scope}>{words(scope)}</Badge>
          ))}
          {row.training && <Badge tone="accent">{t("Training allowed")}</Badge>}
        </span>
      </Cell>
      <Cell className="whitespace-nowrap text-muted">{row.last_used_at ? ago(row.last_used_at) : t("never")}</Cell>
      <Cell className="whitespace-nowrap text-muted">{row.expires_at ? time(row.expires_at) : t("never")}</Cell>
      <Cell className="text-end">
        {state === "active" ? (
          <Button small onClick={() => setLeaving(true)}>
            {t("Revoke")}
          </Button>
        ) : (
          <Badge>{words(state)}</Badge>
        )}
        <Confirm
          danger
          open={leaving}
          onClose={() => setLeaving(false)}
          title={t("Revoke “{{name}}”?", { name: row.name })}
          action={t("Revoke")}
          onConfirm={async () => {
            await account.revokeKey(row.id);
            await refresh("account");
          }}
        >
          {t("Programs that use this key stop working immediately.")}
        </Confirm>
      </Cell>
    </tr>
  );
}

function CreateKey({ open, role, onClose }: { open: boolean; role: string; onClose: () => void }) {
  const [made, setMade] = useState<NewKey | null>(null);
  function close() {
    setMade(null);
    onClose();
  }
  return (
    <Dialog open={open} onClose={close} title={made ? t("Your new key") : t("New key")}>
      {made ? <NewSecret made={made} onClose={close} /> : <Form role={role} onMade={setMade} onClose={close} />}
    </Dialog>
  );
}

function Form({ role, onMade, onClose }: { role: string; onMade: (key: NewKey) => void; onClose: () => void }) {
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<Scope[]>(["chat", "feedback"]);
  const [days, setDays] = useState("90");
  const [training, setTraining] = useState(false);
  const refresh = useRefresh();
  const make = useMutation({
    mutationFn: () => account.createKey({ name: name.trim(), scopes, days: days ? Number(days) : null, training }),
    onSuccess: (key) => {
      onMade(key);
      void refresh("account");
    },
  });

  function submit(event: FormEvent) {
    event.preventDefault();
    make.mutate();
  }

  return (
    <form onSubmit={submit} className="space-y-4">
      <Field label={t("Name")} autoFocus maxLength={100} placeholder={t("What the key is for")} value={name} onChange={(e) => setName(e.target.value)} />
      <fieldset className="space-y-2">
        <legend className="mb-1.5 text-sm font-medium">{t("Permissions")}</legend>
        {SCOPES.filter(({ roles }) => roles.includes(role)).map(({ value, label }) => (
          <Checkbox
            key={value}
            label={label}
            checked={scopes.includes(value)}
            onChange={(on) => setScopes(on ? [...scopes, value] : scopes.filter((other) => other !== value))}
          />
        ))}
      </fieldset>
      <Select label={t("Expires after")} options={LIFETIMES} value={days} onChange={(event) => setDays(event.target.value)} />
      <Checkbox label={t("Allow training on requests made with this key")} checked={training} onChange={setTraining} />
      <ErrorMessage error={make.error} />
      <DialogButtons>
        <Button onClick={onClose}>{t("Cancel")}</Button>
        <Button type="submit" kind="primary" disabled={name.trim() === "" || scopes.length === 0 || make.isPending}>
          {t("Create key")}
        </Button>
      </DialogButtons>
    </form>
  );
}

function NewSecret({ made, onClose }: { made: NewKey; onClose: () => void }) {
  const toast = useToast();
  return (
    <>
      <p className="text-sm text-muted">{t("Copy the key now. It is shown only once.")}</p>
      <code className="mt-3 block rounded-xl border border-line bg-panel px-4 py-3 font-mono text-sm break-all" data-testid="secret">
        {made.secret}
      </code>
      <DialogButtons>
        <Button icon={Copy} onClick={() => void copyText(made.secret).then(() => toast(t("Copied.")))}>
          {t("Copy")}
        </Button>
        <Button kind="primary" onClick={onClose}>
          {t("Done")}
        </Button>
      </DialogButtons>
    </>
  );
}
