/** The account pages: profile, keys, feedback, data. */
import { Database, Inbox, KeyRound, MessageSquareHeart, UserRound } from "lucide-react";
import { Navigate, Route, Routes } from "react-router";
import { useSession } from "../../api/queries";
import { Loading } from "../../components/feedback/Loading";
import { Shell, type Tab } from "../../components/Shell";
import { t } from "../../i18n";
import { SignInForms } from "../SignInPage";
import { UnknownPage } from "../UnknownPage";
import { DataTab } from "./DataTab";
import { InboxTab } from "./InboxTab";
import { KeysTab } from "./KeysTab";
import { ProfileTab } from "./ProfileTab";
import { TaughtTab } from "./taught/TaughtTab";

const TABS: Tab[] = [
  { path: "profile", label: t("Profile"), icon: UserRound },
  { path: "keys", label: t("API keys"), icon: KeyRound },
  { path: "feedback", label: t("What you taught"), icon: MessageSquareHeart },
  { path: "inbox", label: t("Inbox"), icon: Inbox },
  { path: "data", label: t("My data"), icon: Database },
];

export default function AccountPage() {
  const session = useSession();
  if (session.isPending) return <Loading />;
  if (!session.data?.user) return <SignInForms error={session.error} />;
  return (
    <Shell home="/account" name={t("Account")} tabs={TABS}>
      <Routes>
        <Route index element={<Navigate replace to="profile" />} />
        <Route path="profile" element={<ProfileTab />} />
        <Route path="keys" element={<KeysTab />} />
        <Route path="feedback" element={<TaughtTab />} />
        <Route path="inbox" element={<InboxTab />} />
        <Route path="data" element={<DataTab />} />
        <Route path="*" element={<UnknownPage />} />
      </Routes>
    </Shell>
  );
}
