/** Makes an account; a guest keeps their conversations. */
import { Link } from "react-router";
import { session } from "../api/client";
import { useSession } from "../api/queries";
import { Notepad } from "../components/Notepad";
import { Credentials } from "./Credentials";

export function SignUpPage() {
  const here = useSession().data;
  if (here?.sign_up === false)
    return (
      <Notepad title="No sign-up here">
        <p>Accounts are made by the people who run this service. Ask them for a sign-in link.</p>
      </Notepad>
    );
  const guest = here?.user && here.user.login === null;
  return (
    <Notepad title="Make an account">
      <p>
        {guest
          ? "The conversations in this browser become your account's."
          : "With an account your conversations are yours on every device."}
      </p>
      <Credentials fresh action="Make an account" send={session.signUp}>
        <p className="text-sm">
          You have one already?{" "}
          <Link to="/sign-in" className="font-medium text-accent-ink underline underline-offset-4">
            Sign in
          </Link>
        </p>
      </Credentials>
    </Notepad>
  );
}
