/** The operator's pages and their tabs. */
import { Activity, ClipboardList, Flag, FlaskConical, GitBranch, PenTool, RefreshCcwDot, ShieldCheck, SlidersHorizontal, Users } from "lucide-react";
import { useEffect } from "react";
import { Link, Navigate, Route, Routes } from "react-router";
import { useSession } from "../../api/queries";
import { Loading } from "../../components/feedback/Loading";
import { MessagePage } from "../../components/feedback/MessagePage";
import { ErrorMessage } from "../../components/feedback/ErrorMessage";
import { Shell, type Tab } from "../../components/Shell";
import { Trans, t } from "../../i18n";
import { UnknownPage } from "../UnknownPage";
import { AuditTab } from "./AuditTab";
import { DatasetsPage } from "./labeling/DatasetsPage";
import { BlindTestPage } from "./blind/BlindTestPage";
import { BlindTests } from "./blind/BlindTests";
import { FeedbackTab } from "./feedback/FeedbackTab";
import { IterationPage } from "./iterations/IterationPage";
import { IterationsTab } from "./iterations/IterationsTab";
import { FeedbackEntriesPage } from "./feedback/FeedbackEntriesPage";
import { LabelingTab } from "./labeling/LabelingTab";
import { ModerationTab } from "./moderation/ModerationTab";
import { UsersTab } from "./users/UsersTab";
import { SitesPage } from "./users/SitesPage";
import { TeamsPage } from "./users/TeamsPage";
import { PoliciesTab } from "./policies/PoliciesTab";
import { PolicyPage } from "./policies/PolicyPage";
import { SettingsTab } from "./settings/SettingsTab";
import { AnswersPage } from "./traffic/AnswersPage";
import { TrafficTab } from "./traffic/TrafficTab";
import { ExperimentsTab } from "./experiments/ExperimentsTab";

const TABS: Tab[] = [
  { path: "iterations", label: t("Iterations"), icon: RefreshCcwDot },
  { path: "traffic", label: t("Traffic"), icon: Activity },
  { path: "policies", label: t("Policies"), icon: GitBranch },
  { path: "trials", label: t("Experiments"), icon: FlaskConical },
  { path: "feedback", label: t("Feedback"), icon: Flag },
  { path: "moderation", label: t("Moderation"), icon: ShieldCheck },
  { path: "labeling", label: t("Labeling"), icon: PenTool },
  { path: "people", label: t("Users"), icon: Users },
  { path: "audit", label: t("Audit"), icon: ClipboardList },
  { path: "settings", label: t("Settings"), icon: SlidersHorizontal },
];

export default function OperatorPage() {
  const session = useSession();
  useEffect(() => {
    document.title = `${t("Operator")} · Tutelage`;
  }, []);
  if (session.isPending) return <Loading />;
  if (session.isError)
    return (
      <MessagePage title={t("Can't reach the server")}>
        <ErrorMessage error={session.error} onRetry={() => void session.refetch()} />
      </MessagePage>
    );
  return session.data.user?.role === "operator" ? <Pages /> : <NotOperator />;
}

function NotOperator() {
  return (
    <MessagePage title={t("For operators")}>
      <p>
        {t("These pages are for operators, who run training iterations and choose which policy is served. You are not signed in as an operator.")}
      </p>
      <p>
        <Trans i18nKey="<a>Sign in</a> with an operator's password, or create a sign-in link on the server and open the printed address in this browser:" components={{ a: <Link to="/sign-in" className="font-medium text-accent-ink underline underline-offset-4" /> }} />
      </p>
      <pre className="overflow-x-auto rounded-xl border border-line bg-panel px-4 py-3 font-mono text-sm text-ink">
        tutelage sign-in-link
      </pre>
      <Link to="/" className="mt-3 inline-block font-medium text-accent-ink underline underline-offset-4">
        {t("Back to the chat")}
      </Link>
    </MessagePage>
  );
}

function Pages() {
  return (
    <Shell home="/operator" name={t("Operator")} tabs={TABS}>
      <Routes>
        <Route index element={<Navigate replace to="iterations" />} />
        <Route path="iterations" element={<IterationsTab />} />
        <Route path="iterations/:id" element={<IterationPage />} />
        <Route path="traffic" element={<TrafficTab />} />
        <Route path="traffic/answers" element={<AnswersPage />} />
        <Route path="policies" element={<PoliciesTab />} />
        <Route path="policies/compare" element={<BlindTests />} />
        <Route path="policies/compare/:id" element={<BlindTestPage />} />
        <Route path="policies/:id" element={<PolicyPage />} />
        <Route path="trials" element={<ExperimentsTab />} />
        <Route path="feedback" element={<FeedbackTab />} />
        <Route path="feedback/judgements" element={<FeedbackEntriesPage />} />
        <Route path="moderation" element={<ModerationTab />} />
        <Route path="audit" element={<AuditTab />} />
        <Route path="labeling" element={<LabelingTab />} />
        <Route path="labeling/datasets" element={<DatasetsPage />} />
        <Route path="people" element={<UsersTab />} />
        <Route path="people/sites" element={<SitesPage />} />
        <Route path="people/teams" element={<TeamsPage />} />
        <Route path="settings" element={<SettingsTab />} />
        <Route path="*" element={<UnknownPage />} />
      </Routes>
    </Shell>
  );
}
