/** Inside the operator's, labeler's or account pages: an address that none of them has. */
import { PageHeading } from "../components/PageHeading";
import { t } from "../i18n";

export function UnknownPage() {
  return <PageHeading title={t("Page not found")} hint={t("The address may be mistyped, or what it showed may have been deleted.")} />;
}
