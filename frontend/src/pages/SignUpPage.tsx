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
      <Notepad title="Sign-up is disabled">
        <p>Accounts are created by the operators of this service. Ask them for a sign-in link.</p>
      </Notepad>
    );
  const guest = here?.user && here.user.login === null;
  return (
    <Notepad title="Create an account">
      <p>
        {guest
          ? "Your guest conversations will move to the new account."
          : "An account gives you access to your conversations on every device."}
      </p>
      <Credentials fresh action="Create account" send={session.signUp}>
        <p className="text-sm">
          Already have one?{" "}
          <Link to="/sign-in" className="font-medium text-accent-ink underline underline-offset-4">
            Sign in
          </Link>
        </p>
      </Credentials>
    </Notepad>
  );
}
