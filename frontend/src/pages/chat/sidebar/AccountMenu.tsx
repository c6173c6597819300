/** The account menu: consent, theme, links to the user's pages. */
import { ChevronsUpDown, Inbox, KeyRound, LogIn, LogOut, MessageSquareHeart, Monitor, Moon, PenTool, Sun, UserRound, Wrench } from "lucide-react";
import { useState } from "react";
import { useNavigate } from "react-router";
import { useUnread } from "../../../api/account";
import { session as calls } from "../../../api/client";
import { useSession } from "../../../api/queries";
import type { Session } from "../../../api/types";
import { Badge } from "../../../components/Badge";
import { Confirm } from "../../../components/Dialog";
import { Menu, MenuChoice, MenuItem, MenuSeparator, MenuSwitch } from "../../../components/Menu";
import { useToast } from "../../../components/feedback/Toast";
import { words } from "../../../format";
import { t } from "../../../i18n";
import { chooseTheme, useTheme } from "../../../theme";
import { useConsent } from "../consent/consent";
import { forgetPerson } from "../../../local";

export const THEMES = [
  { value: "system" as const, label: t("System"), icon: Monitor },
  { value: "light" as const, label: t("Light"), icon: Sun },
  { value: "dark" as const, label: t("Dark"), icon: Moon },
];

function signOutWarning(user: NonNullable<Session["user"]>): string {
  if (user.login !== null) return t("Your conversations will be here when you sign in again.");
  if (user.role === "user")
    return t("Guests have no password: after signing out you cannot come back to these conversations. Create an account to keep them.");
  return t("To sign in again you need a new sign-in link, or an account with a password.");
}

export function AccountMenu() {
  const user = useSession().data?.user;
  const theme = useTheme();
  const consent = useConsent();
  const navigate = useNavigate();
  const toast = useToast();
  const [leaving, setLeaving] = useState(false);
  const unread = useUnread(Boolean(user));
  if (!user) return null;

  return (
    <>
      <Menu
        side="top"
        align="start"
        trigger={
          <button
            type="button"
            className="flex w-full items-center gap-2.5 rounded-lg p-2 text-start hover:bg-surface data-[state=open]:bg-surface"
          >
            <span className="inline-flex size-8 shrink-0 items-center justify-center rounded-full bg-accent-soft text-sm font-semibold text-accent-ink uppercase">
              {user.name.slice(0, 1)}
            </span>
            <span className="min-w-0 flex-1">
              <span className="block truncate text-sm font-medium">{user.name}</span>
              <span className="block text-xs text-muted first-letter:uppercase">{user.role !== "user" ? words(user.role) : user.login ? t("Signed in") : t("Not signed in")}</span>
            </span>
            {unread > 0 && <Badge tone="accent">{t("{{unread}} new", { unread })}</Badge>}
            <ChevronsUpDown aria-hidden className="size-4 text-faint" />
            <span className="sr-only">{t("Account and settings")}</span>
          </button>
        }
      >
        <div className="w-64">
          <MenuSwitch
            checked={user.training}
            onChange={(training) => consent.mutate(training, { onError: (error) => toast(error.message) })}
          >
            {t("Use new chats for training")}
            <span className="block text-xs text-muted">{t("You can change this in each chat.")}</span>
          </MenuSwitch>
          <MenuSeparator />
          <MenuChoice label={t("Appearance")} value={theme} options={THEMES} onChange={chooseTheme} />
          <MenuSeparator />
          {user.login === null && user.role === "user" ? (
            <>
              <MenuItem icon={UserRound} onSelect={() => void navigate("/sign-up")}>
                {t("Create an account")}
              </MenuItem>
              <MenuItem icon={LogIn} onSelect={() => void navigate("/sign-in")}>
                {t("Sign in")}
              </MenuItem>
            </>
          ) : (
            <MenuItem icon={KeyRound} onSelect={() => void navigate("/account/profile")}>
              {t("Account and keys")}
            </MenuItem>
          )}
          <MenuItem icon={Inbox} onSelect={() => void navigate("/account/inbox")}>
            {t("Inbox")}
            {unread > 0 && <Badge tone="accent">{t("{{unread}} new", { unread })}</Badge>}
          </MenuItem>
          <MenuItem icon={MessageSquareHeart} onSelect={() => void navigate("/account/feedback")}>
            {t("What you taught")}
          </MenuItem>
          {user.role !== "user" && (
            <MenuItem icon={PenTool} onSelect={() => void navigate("/label")}>
              {t("Labeling")}
            </MenuItem>
          )}
          {user.role === "operator" && (
            <MenuItem icon={Wrench} onSelect={() => void navigate("/operator")}>
              {t("Operator pages")}
            </MenuItem>
          )}
          <MenuItem icon={LogOut} onSelect={() => setLeaving(true)}>
            {t("Sign out")}
          </MenuItem>
        </div>
      </Menu>
      <Confirm
        open={leaving}
        onClose={() => setLeaving(false)}
        title={t("Sign out?")}
        action={t("Sign out")}
        onConfirm={async () => {
          await calls.end();
          forgetPerson();
          location.assign("/");
        }}
      >
        {signOutWarning(user)}
      </Confirm>
    </>
  );
}
