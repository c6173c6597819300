/** Sign-in by name and password, by a provider, or by a one-time link. */
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { Link, useNavigate, useSearchParams } from "react-router";
import { session } from "../api/client";
import { LanguageChoice } from "../components/LanguageChoice";
import { Loading } from "../components/feedback/Loading";
import { MessagePage } from "../components/feedback/MessagePage";
import { ErrorMessage } from "../components/feedback/ErrorMessage";
import { Trans, t } from "../i18n";
import { startSession, CredentialsForm } from "./CredentialsForm";

export function SignInPage() {
  const [search] = useSearchParams();
  const token = search.get("token");
  return token ? <LinkSignIn token={token} /> : <SignInForms error={search.get("problem")} />;
}

const HOMES = { user: "/", labeler: "/label", operator: "/operator" };

function LinkSignIn({ token }: { token: string }) {
  const navigate = useNavigate();
  const [error, setError] = useState<unknown>(null);
  const used = useRef(false); // a link works once, and effects run twice in development

  useEffect(() => {
    if (used.current) return;
    used.current = true;
    session.exchange(token).then((state) => {
      startSession(state);
      void navigate(HOMES[state.user?.role ?? "user"], { replace: true });
    }, setError);
  }, [token, navigate]);

  if (!error) return <Loading />;
  return <SignInForms error={error} />;
}

export function SignInForms({ error }: { error?: unknown }) {
  const here = useQuery({ queryKey: ["arrivals"], queryFn: session.get }).data;
  return (
    <MessagePage title={t("Sign in")}>
      <ErrorMessage error={error} />
      {here?.oidc && (
        <a
          href="/v1/session/oidc"
          className="flex h-10 w-full items-center justify-center rounded-lg border border-line-strong bg-surface text-sm font-medium text-ink hover:bg-panel"
        >
          {t("Continue with {{oidc}}", { oidc: here.oidc })}
        </a>
      )}
      <CredentialsForm action={t("Sign in")} send={session.signIn}>
        {here?.sign_up && (
          <p className="text-sm">
            <Trans i18nKey="New here? <a>Create an account</a>" components={{ a: <Link to="/sign-up" className="font-medium text-accent-ink underline underline-offset-4" /> }} />
          </p>
        )}
      </CredentialsForm>
      <details className="pt-4 text-sm">
        <summary className="font-medium text-ink">{t("Sign in with a link")}</summary>
        <p className="mt-2">
          {t("Ask an operator of this service for a one-time sign-in link (valid for one hour). Operators create one on the server with:")}
        </p>
        <pre className="mt-2 overflow-x-auto rounded-xl border border-line bg-panel px-4 py-3 font-mono text-ink">
          tutelage sign-in-link
        </pre>
      </details>
      <LanguageChoice />
    </MessagePage>
  );
}
