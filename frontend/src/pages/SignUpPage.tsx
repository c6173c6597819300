/** Creates an account; a guest keeps their conversations. */
import { Link } from "react-router";
import { session } from "../api/client";
import { useSession } from "../api/queries";
import { MessagePage } from "../components/feedback/MessagePage";
import { Trans, t } from "../i18n";
import { CredentialsForm } from "./CredentialsForm";

export function SignUpPage() {
  const here = useSession().data;
  if (here?.sign_up === false)
    return (
      <MessagePage title={t("Sign-up is disabled")}>
        <p>{t("Accounts are created by the operators of this service. Ask them for a sign-in link.")}</p>
      </MessagePage>
    );
  const guest = here?.user && here.user.login === null;
  return (
    <MessagePage title={t("Create an account")}>
      <p>
        {guest
          ? t("Your guest conversations will move to the new account.")
          : t("An account gives you access to your conversations on every device.")}
      </p>
      <CredentialsForm fresh action={t("Create account")} send={session.signUp}>
        <p className="text-sm">
          <Trans i18nKey="Already have one? <a>Sign in</a>" components={{ a: <Link to="/sign-in" className="font-medium text-accent-ink underline underline-offset-4" /> }} />
        </p>
      </CredentialsForm>
    </MessagePage>
  );
}
