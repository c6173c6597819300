/** A shared conversation, read-only. */
import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { Link, useParams } from "react-router";
import { sharing } from "../api/account";
import { Loading } from "../components/feedback/Loading";
import { Logo } from "../components/Logo";
import { Markdown } from "../components/markdown/Markdown";
import { MessagePage } from "../components/feedback/MessagePage";
import { ErrorMessage } from "../components/feedback/ErrorMessage";
import { time } from "../format";
import { t } from "../i18n";

export default function SharedPage() {
  const { token = "" } = useParams();
  const query = useQuery({ queryKey: ["shared", token], queryFn: () => sharing.read(token) });
  useEffect(() => {
    if (query.data) document.title = `${query.data.title} · Tutelage`;
  }, [query.data]);
  if (query.isPending) return <Loading />;
  if (query.isError)
    return (
      <MessagePage title={t("Link not found")}>
        <ErrorMessage error={query.error} />
      </MessagePage>
    );
  const { title, created_at, messages } = query.data;
  return (
    <div className="mx-auto max-w-3xl px-5 pb-16">
      <header className="flex h-16 items-center justify-between">
        <Link to="/" className="rounded-lg">
          <Logo />
        </Link>
        <Link to="/" className="text-sm font-medium text-accent-ink underline underline-offset-4">
          {t("Start a chat")}
        </Link>
      </header>
      <main>
        <h1 dir="auto" className="mt-6 font-serif text-3xl font-medium tracking-tight wrap-anywhere">
          {title}
        </h1>
        <p className="mt-1 mb-8 text-sm text-muted">{t("Shared {{createdAt}}. The assistant can make mistakes.", { createdAt: time(created_at) })}</p>
        <ol className="space-y-6">
          {messages.map((message) => (
            <li key={message.id} aria-label={message.role === "user" ? t("Prompt") : t("Answer")}>
              {message.role === "user" ? (
                <p dir="auto" lang="" className="ms-auto w-fit max-w-[85%] rounded-3xl bg-panel px-4.5 py-2.5 wrap-anywhere whitespace-pre-wrap">{message.content}</p>
              ) : (
                <>
                  <Markdown text={message.content} />
                  {message.policy_id && <p className="mt-1 text-xs text-faint">{message.policy_id}</p>}
                </>
              )}
            </li>
          ))}
        </ol>
      </main>
    </div>
  );
}
