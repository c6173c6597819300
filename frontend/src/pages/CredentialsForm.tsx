/** The form with name and password, for sign-in and sign-up. */
import { useState, type FormEvent, type ReactNode } from "react";
import { useNavigate } from "react-router";
import { entered, queryClient } from "../api/queries";
import type { Session } from "../api/types";
import { Button } from "../components/Button";
import { Field } from "../components/Field";
import { ErrorMessage } from "../components/feedback/ErrorMessage";
import { t } from "../i18n";

export const MIN_PASSWORD_LENGTH = 10;

interface CredentialsProps {
  action: string;
  /** Whether the password is a new one. */
  fresh?: boolean;
  send: (login: string, password: string) => Promise<Session>;
  children?: ReactNode;
}

export function CredentialsForm({ action, fresh, send, children }: CredentialsProps) {
  const navigate = useNavigate();
  const [login, setLogin] = useState("");
  const [password, setPassword] = useState("");
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const ready = login.trim() !== "" && password.length >= (fresh ? MIN_PASSWORD_LENGTH : 1);

  function submit(event: FormEvent) {
    event.preventDefault();
    setBusy(true);
    setError(null);
    send(login, password)
      .then((state) => {
        startSession(state);
        void navigate("/", { replace: true });
      }, setError)
      .finally(() => setBusy(false));
  }

  return (
    <form onSubmit={submit} className="space-y-4 pt-2">
      <Field
        label={t("Name")}
        autoFocus
        required
        autoComplete="username"
        autoCapitalize="none"
        spellCheck={false}
        maxLength={100}
        value={login}
        onChange={(event) => setLogin(event.target.value)}
      />
      <Field
        label={t("Password")}
        type="password"
        required
        autoComplete={fresh ? "new-password" : "current-password"}
        maxLength={200}
        hint={fresh ? t("At least {{least}} characters. Tip: use a short sentence.", { least: MIN_PASSWORD_LENGTH }) : undefined}
        value={password}
        onChange={(event) => setPassword(event.target.value)}
      />
      <ErrorMessage error={error} />
      <Button type="submit" kind="primary" disabled={!ready || busy} className="w-full">
        {action}
      </Button>
      {children}
    </form>
  );
}

/** Starts a session; forgets everything cached for the previous user. */
export function startSession(state: Session): void {
  queryClient.clear();
  queryClient.setQueryData(["session"], entered(state));
}
