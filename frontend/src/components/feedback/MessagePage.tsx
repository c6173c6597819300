/** A page with only a heading and a short text. */
import { useEffect, type ReactNode } from "react";
import { Link } from "react-router";
import { Logo } from "../Logo";

export function MessagePage({ title, children }: { title: string; children: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · Tutelage`;
  }, [title]);
  return (
    <main className="mx-auto flex min-h-full max-w-xl flex-col justify-center px-6 py-16">
      <Link to="/" className="mb-10 self-start rounded-lg">
        <Logo />
      </Link>
      <h1 className="font-serif text-4xl leading-tight font-medium tracking-tight">{title}</h1>
      <div className="mt-4 space-y-3 text-muted">{children}</div>
    </main>
  );
}
