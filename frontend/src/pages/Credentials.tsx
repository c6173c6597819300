/** The form of name and password, for signing in and for signing up. */
import { useState, type FormEvent, type ReactNode } from "react";
import { useNavigate } from "react-router";
import { queryClient } from "../api/queries";
import type { Session } from "../api/types";
import { Button } from "../components/Button";
import { Field } from "../components/Field";
import { Problem } from "../components/Problem";

export const SHORTEST_PASSWORD = 10;

interface CredentialsProps {
  action: string;
  /** Whether the password is a new one. */
  fresh?: boolean;
  send: (login: string, password: string) => Promise<Session>;
  children?: ReactNode;
}

export function Credentials({ action, fresh, send, children }: CredentialsProps) {
  const navigate = useNavigate();
  const [login, setLogin] = useState("");
  const [password, setPassword] = useState("");
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const ready = login.trim() !== "" && password.length >= (fresh ? SHORTEST_PASSWORD : 1);

  function submit(event: FormEvent) {
    event.preventDefault();
    setBusy(true);
    setError(null);
    send(login, password)
      .then((state) => {
        arrived(state);
        void navigate("/", { replace: true });
      }, setError)
      .finally(() => setBusy(false));
  }

  return (
    <form onSubmit={submit} className="space-y-4 pt-2">
      <Field
        label="Name"
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
        label="Password"
        type="password"
        required
        autoComplete={fresh ? "new-password" : "current-password"}
        maxLength={200}
        hint={fresh ? `At least ${SHORTEST_PASSWORD} characters. Tip: use a short sentence.` : undefined}
        value={password}
        onChange={(event) => setPassword(event.target.value)}
      />
      <Problem error={error} />
      <Button type="submit" kind="primary" disabled={!ready || busy} className="w-full">
        {action}
      </Button>
      {children}
    </form>
  );
}

/** Forget whatever was read as somebody else. */
export function arrived(state: Session): void {
  queryClient.clear();
  queryClient.setQueryData(["session"], state);
}
