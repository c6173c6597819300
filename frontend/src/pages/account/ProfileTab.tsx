/** Name, password, and today's usage. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { Link } from "react-router";
import { account, useAccount, type Account, type Quota } from "../../api/account";
import { useRefresh } from "../../api/queries";
import { Button } from "../../components/Button";
import { Field } from "../../components/Field";
import { LanguageChoice } from "../../components/LanguageChoice";
import { ErrorMessage } from "../../components/feedback/ErrorMessage";
import { useToast } from "../../components/feedback/Toast";
import { figure, time, words } from "../../format";
import { Card } from "../../components/Card";
import { PageHeading } from "../../components/PageHeading";
import { ProgressBar } from "../../components/feedback/ProgressBar";
import { QueryResult } from "../../components/feedback/QueryResult";
import { Trans, t } from "../../i18n";
import { MIN_PASSWORD_LENGTH } from "../CredentialsForm";

export function ProfileTab() {
  const query = useAccount();
  return (
    <>
      <PageHeading title={t("Profile")} />
      <QueryResult query={query}>
        {(data) => (
          <div className="grid gap-4 lg:grid-cols-2">
            {data.login === null && data.role === "user" ? <Guest /> : <Name account={data} />}
            <Usage quota={data.quota} />
            <Card title={t("Language")}>
              <LanguageChoice hideLabel />
            </Card>
            {data.login !== null && <Password account={data} />}
          </div>
        )}
      </QueryResult>
    </>
  );
}

function Guest() {
  return (
    <Card title={t("You are a guest")}>
      <p className="text-sm text-muted">
        {t("Your conversations are tied to this browser, and clearing its cookies loses them. Create an account to keep them and to get API keys.")}
      </p>
      <div className="mt-4 flex gap-4 text-sm font-medium text-accent-ink underline underline-offset-4">
        <Link to="/sign-up">{t("Create an account")}</Link>
        <Link to="/sign-in">{t("Sign in")}</Link>
      </div>
    </Card>
  );
}

function useChange(done: string) {
  const client = useQueryClient();
  const refresh = useRefresh();
  const toast = useToast();
  return useMutation({
    mutationFn: account.change,
    onSuccess: (state) => {
      client.setQueryData(["session"], state);
      void refresh("account");
      toast(done);
    },
  });
}

function Name({ account: { name, login, role, providers, created_at } }: { account: Account }) {
  const [next, setNext] = useState(name);
  const change = useChange(t("Name updated."));

  function submit(event: FormEvent) {
    event.preventDefault();
    change.mutate({ name: next.trim() });
  }

  return (
    <Card title={t("Your profile")}>
      <form onSubmit={submit} className="flex items-end gap-2">
        <Field label={t("Display name")} className="flex-1" maxLength={100} value={next} onChange={(e) => setNext(e.target.value)} />
        <Button type="submit" className="h-10" disabled={next.trim() === "" || next === name || change.isPending}>
          {t("Save")}
        </Button>
      </form>
      <ErrorMessage error={change.error} className="mt-3" />
      <dl className="mt-4 grid grid-cols-[8rem_1fr] gap-y-1.5 text-sm">
        <dt className="text-muted">{t("Sign-in name")}</dt>
        <dd>{login ?? t("none (you sign in with links)")}</dd>
        <dt className="text-muted">{t("Role")}</dt>
        <dd>{words(role)}</dd>
        {providers.length > 0 && (
          <>
            <dt className="text-muted">{t("Sign-in provider")}</dt>
            <dd className="truncate">{providers.join(", ")}</dd>
          </>
        )}
        <dt className="text-muted">{t("Member since")}</dt>
        <dd>{time(created_at)}</dd>
      </dl>
      {login === null && (
        <p className="mt-4 text-sm text-muted">
          <Trans i18nKey="<a>Set a sign-in name and password</a> to sign in without a link." components={{ a: <Link to="/sign-up" className="font-medium text-accent-ink underline underline-offset-4" /> }} />
        </p>
      )}
    </Card>
  );
}

function Password({ account: { has_password } }: { account: Account }) {
  const [old, setOld] = useState("");
  const [next, setNext] = useState("");
  const change = useChange(t("Password changed. Other browsers have been signed out."));

  function submit(event: FormEvent) {
    event.preventDefault();
    change.mutate(
      { password: next, old_password: has_password ? old : null },
      {
        onSuccess: () => {
          setOld("");
          setNext("");
        },
      },
    );
  }

  return (
    <Card title={has_password ? t("Change password") : t("Set a password")}>
      <form onSubmit={submit} className="space-y-4">
        {has_password && (
          <Field label={t("Current password")} type="password" autoComplete="current-password" value={old} onChange={(e) => setOld(e.target.value)} />
        )}
        <Field
          label={t("New password")}
          type="password"
          autoComplete="new-password"
          hint={t("At least {{least}} characters. All other browsers will be signed out.", { least: MIN_PASSWORD_LENGTH })}
          value={next}
          onChange={(event) => setNext(event.target.value)}
        />
        <ErrorMessage error={change.error} />
        <Button type="submit" disabled={next.length < MIN_PASSWORD_LENGTH || change.isPending}>
          {t("Change password")}
        </Button>
      </form>
    </Card>
  );
}

function Usage({ quota }: { quota: Quota }) {
  const rows = [
    { label: t("Requests"), used: quota.requests_used, most: quota.requests_limit },
    { label: t("Tokens"), used: quota.tokens_used, most: quota.tokens_limit },
  ];
  return (
    <Card title={t("Usage today")}>
      <div className="space-y-4">
        {rows.map(({ label, used, most }) => (
          <div key={label} className="text-sm">
            <p className="mb-1.5 flex justify-between">
              <span className="text-muted">{label}</span>
              <span className="font-medium tabular-nums">
                {most ? t("{{used}} of {{most}}, {{rest}} left", { used, most, rest: Math.max(0, most - used) }) : figure(used)}
              </span>
            </p>
            {most > 0 && <ProgressBar share={used / most} label={t("{{label}} used", { label })} />}
          </div>
        ))}
      </div>
      <p className="mt-4 text-[13px] text-muted">
        {rows.some(({ most }) => most > 0)
          ? t("Resets on {{time}}.", { time: time(quota.resets_at) })
          : t("No limit applies to you. Usage resets on {{time}}.", { time: time(quota.resets_at) })}
      </p>
    </Card>
  );
}
