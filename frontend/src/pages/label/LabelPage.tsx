/** The labelers' pages: rank, demonstrate, my tasks, instructions. */
import { BookOpen, History, ListOrdered, PenLine } from "lucide-react";
import { Link, Navigate, Route, Routes } from "react-router";
import { useSession } from "../../api/queries";
import { Loading } from "../../components/feedback/Loading";
import { MessagePage } from "../../components/feedback/MessagePage";
import { Shell, type Tab } from "../../components/Shell";
import { t } from "../../i18n";
import { SignInForms } from "../SignInPage";
import { UnknownPage } from "../UnknownPage";
import { DemonstrateTab } from "./DemonstrateTab";
import { InstructionsTab } from "./InstructionsTab";
import { MyTasksTab } from "./MyTasksTab";
import { RankTab } from "./RankTab";

const TABS: Tab[] = [
  { path: "rank", label: t("Rank"), icon: ListOrdered },
  { path: "demonstrate", label: t("Demonstrate"), icon: PenLine },
  { path: "mine", label: t("My tasks"), icon: History },
  { path: "instructions", label: t("Instructions"), icon: BookOpen },
];

export default function LabelPage() {
  const session = useSession();
  if (session.isPending) return <Loading />;
  const user = session.data?.user;
  if (!user) return <SignInForms error={session.error} />;
  if (user.role === "user")
    return (
      <MessagePage title={t("For labelers")}>
        <p>{t("These pages are for labelers, who rank answers and write demonstrations. Ask an operator for the labeler role.")}</p>
        <Link to="/" className="mt-3 inline-block font-medium text-accent-ink underline underline-offset-4">
          {t("Back to the chat")}
        </Link>
      </MessagePage>
    );
  return (
    <Shell home="/label" name={t("Labeling")} tabs={TABS}>
      <Routes>
        <Route index element={<Navigate replace to="rank" />} />
        <Route path="rank" element={<RankTab />} />
        <Route path="demonstrate" element={<DemonstrateTab />} />
        <Route path="mine" element={<MyTasksTab />} />
        <Route path="instructions" element={<InstructionsTab />} />
        <Route path="*" element={<UnknownPage />} />
      </Routes>
    </Shell>
  );
}
