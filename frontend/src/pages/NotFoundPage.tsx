import { Link } from "react-router";
import { MessagePage } from "../components/feedback/MessagePage";
import { t } from "../i18n";

export function NotFoundPage() {
  return (
    <MessagePage title={t("Page not found")}>
      <p>{t("The address may be mistyped, or the page may have been deleted.")}</p>
      <Link to="/" className="mt-5 inline-block font-medium text-accent-ink underline underline-offset-4">
        {t("Go to the chat")}
      </Link>
    </MessagePage>
  );
}
