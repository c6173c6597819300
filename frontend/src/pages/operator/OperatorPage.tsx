/** What operators see: iterations, policies, reports, moderation, audit. */
import clsx from "clsx";
import { ArrowLeft, ClipboardList, Flag, GitBranch, Moon, RefreshCcwDot, ShieldCheck, Sun } from "lucide-react";
import { useEffect } from "react";
import { Link, Navigate, NavLink, Route, Routes } from "react-router";
import { useSession } from "../../api/queries";
import { IconButton } from "../../components/Button";
import { Loading } from "../../components/Loading";
import { Logo } from "../../components/Logo";
import { Notepad } from "../../components/Notepad";
import { Problem } from "../../components/Problem";
import { chooseTheme, useTheme } from "../../theme";
import { AuditTab } from "./AuditTab";
import { FeedbackTab } from "./FeedbackTab";
import { IterationPage } from "./IterationPage";
import { IterationsTab } from "./IterationsTab";
import { ModerationTab } from "./ModerationTab";
import { PoliciesTab } from "./PoliciesTab";
import { PolicyPage } from "./PolicyPage";

const TABS = [
  { path: "iterations", label: "Iterations", icon: RefreshCcwDot },
  { path: "policies", label: "Policies", icon: GitBranch },
  { path: "feedback", label: "Feedback", icon: Flag },
  { path: "moderation", label: "Moderation", icon: ShieldCheck },
  { path: "audit", label: "Audit", icon: ClipboardList },
];

export default function OperatorPage() {
  const session = useSession();
  useEffect(() => {
    document.title = "Operator · Tutelage";
  }, []);
  if (session.isPending) return <Loading />;
  if (session.isError)
    return (
      <Notepad title="The service does not answer">
        <Problem error={session.error} onRetry={() => void session.refetch()} />
      </Notepad>
    );
  return session.data.user?.role === "operator" ? <Pages /> : <NotAnOperator />;
}

function NotAnOperator() {
  return (
    <Notepad title="For operators">
      <p>
        These pages run feedback iterations and decide which policy answers. You are not signed in as an operator in this
        browser.
      </p>
      <p>Make a sign-in link on the machine that runs the service, and open the address that it prints here:</p>
      <pre className="overflow-x-auto rounded-xl border border-line bg-panel px-4 py-3 font-mono text-sm text-ink">
        tutelage sign-in-link
      </pre>
      <Link to="/" className="mt-3 inline-block font-medium text-accent-ink underline underline-offset-4">
        Back to the chat
      </Link>
    </Notepad>
  );
}

function Pages() {
  return (
    <div className="flex min-h-full flex-col">
      <Top />
      <main className="mx-auto w-full max-w-6xl flex-1 px-4 py-6 sm:px-6 sm:py-8">
        <Routes>
          <Route index element={<Navigate replace to="iterations" />} />
          <Route path="iterations" element={<IterationsTab />} />
          <Route path="iterations/:id" element={<IterationPage />} />
          <Route path="policies" element={<PoliciesTab />} />
          <Route path="policies/:id" element={<PolicyPage />} />
          <Route path="feedback" element={<FeedbackTab />} />
          <Route path="moderation" element={<ModerationTab />} />
          <Route path="audit" element={<AuditTab />} />
          <Route path="*" element={<Navigate replace to="/operator/iterations" />} />
        </Routes>
      </main>
    </div>
  );
}

function Top() {
  useTheme();
  const dark = document.documentElement.dataset.theme === "dark";
  return (
    <header className="sticky top-0 z-20 border-b border-line bg-canvas/90 backdrop-blur">
      <div className="mx-auto flex max-w-6xl flex-wrap items-center gap-x-6 px-4 sm:px-6 lg:h-14 lg:flex-nowrap">
        <Link to="/operator" className="inline-flex h-14 items-center rounded-lg" aria-label="Tutelage, operator pages">
          <Logo />
        </Link>
        <div className="ml-auto flex items-center gap-1 lg:order-3">
          <IconButton
            icon={dark ? Sun : Moon}
            label={dark ? "Light appearance" : "Dark appearance"}
            onClick={() => chooseTheme(dark ? "light" : "dark")}
          />
          <Link
            to="/"
            className="inline-flex h-9 items-center gap-2 rounded-lg px-2.5 text-sm text-muted hover:bg-panel hover:text-ink"
          >
            <ArrowLeft aria-hidden className="size-4" />
            Chat
          </Link>
        </div>
        <nav
          aria-label="Operator pages"
          className="-mb-px flex w-full gap-1 overflow-x-auto [scrollbar-width:none] lg:order-2 lg:w-auto"
        >
          {TABS.map(({ path, label, icon: Icon }) => (
            <NavLink
              key={path}
              to={`/operator/${path}`}
              className={({ isActive }) =>
                clsx(
                  "inline-flex h-11 items-center gap-2 border-b-2 px-2.5 text-sm font-medium whitespace-nowrap -outline-offset-2 lg:h-14",
                  isActive ? "border-accent text-ink" : "border-transparent text-muted hover:text-ink",
                )
              }
            >
              <Icon aria-hidden className="size-4" />
              {label}
            </NavLink>
          ))}
        </nav>
      </div>
    </header>
  );
}
