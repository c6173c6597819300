import { Link } from "react-router";
import { MessagePage } from "../components/feedback/MessagePage";

export function NotFoundPage() {
  return (
    <MessagePage title="Page not found">
      <p>The address may be mistyped, or the page may have been deleted.</p>
      <Link to="/" className="mt-5 inline-block font-medium text-accent-ink underline underline-offset-4">
        Go to the chat
      </Link>
    </MessagePage>
  );
}
