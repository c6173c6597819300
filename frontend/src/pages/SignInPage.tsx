/** Exchanges a one-time sign-in link, or says how to get one. */
import { useEffect, useRef, useState } from "react";
import { useNavigate, useSearchParams } from "react-router";
import { session } from "../api/client";
import { queryClient } from "../api/queries";
import { Loading } from "../components/Loading";
import { Notepad } from "../components/Notepad";
import { Problem } from "../components/Problem";

export function SignInPage() {
  const [search] = useSearchParams();
  const token = search.get("token");
  return token ? <Exchange token={token} /> : <HowTo />;
}

function Exchange({ token }: { token: string }) {
  const navigate = useNavigate();
  const [error, setError] = useState<unknown>(null);
  const used = useRef(false); // a link works once, and effects run twice in development

  useEffect(() => {
    if (used.current) return;
    used.current = true;
    session.exchange(token).then((state) => {
      queryClient.clear();
      queryClient.setQueryData(["session"], state);
      void navigate(state.user?.role === "operator" ? "/operator" : "/", { replace: true });
    }, setError);
  }, [token, navigate]);

  if (!error) return <Loading />;
  return <HowTo error={error} />;
}

export function HowTo({ error }: { error?: unknown }) {
  return (
    <Notepad title="Sign in">
      <Problem error={error} />
      <p>
        You sign in with a link that works once, within an hour. Whoever runs this service makes one on its machine
        with:
      </p>
      <pre className="overflow-x-auto rounded-xl border border-line bg-panel px-4 py-3 font-mono text-sm text-ink">
        tutelage sign-in-link
      </pre>
      <p>Open the address that it prints in this browser.</p>
    </Notepad>
  );
}
