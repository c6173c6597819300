/** Inside the operator's, labeler's or account pages: an address that none of them has. */
import { PageHeading } from "../components/PageHeading";

export function UnknownPage() {
  return <PageHeading title="Page not found" hint="The address may be mistyped, or what it showed may have been deleted." />;
}
