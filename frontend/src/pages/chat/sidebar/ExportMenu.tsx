/** Shares the branch in view by a link, or downloads the conversation. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { FileJson, FileText, Link2, Share } from "lucide-react";
import { useState } from "react";
import { sharing } from "../../../api/account";
import { useRefresh } from "../../../api/queries";
import { copyText } from "../../../browser";
import { Button, IconButton } from "../../../components/Button";
import { Dialog, DialogButtons } from "../../../components/Dialog";
import { Menu, MenuItem } from "../../../components/Menu";
import { ErrorMessage } from "../../../components/feedback/ErrorMessage";
import { useToast } from "../../../components/feedback/Toast";
import { ago } from "../../../format";
import { t } from "../../../i18n";

export function ExportMenu({ conversation, leaf }: { conversation: string; leaf: string }) {
  const [open, setOpen] = useState(false);
  const file = (format: string) => `/v1/conversations/${conversation}/export?format=${format}&leaf_id=${leaf}`;
  return (
    <>
      <Menu trigger={<IconButton icon={Share} label={t("Share or export")} />}>
        <MenuItem icon={Link2} onSelect={() => setOpen(true)}>
          {t("Share by link")}
        </MenuItem>
        <MenuItem icon={FileText} onSelect={() => location.assign(file("markdown"))}>
          {t("Download this branch (Markdown)")}
        </MenuItem>
        <MenuItem icon={FileJson} onSelect={() => location.assign(file("json"))}>
          {t("Download all branches (JSON)")}
        </MenuItem>
      </Menu>
      <Dialog
        open={open}
        onClose={() => setOpen(false)}
        title={t("Share by link")}
        description={t("Anyone with the link can read the conversation up to this point. Later messages are not shared.")}
      >
        <ShareLinks conversation={conversation} leaf={leaf} onClose={() => setOpen(false)} />
      </Dialog>
    </>
  );
}

function ShareLinks({ conversation, leaf, onClose }: { conversation: string; leaf: string; onClose: () => void }) {
  const refresh = useRefresh();
  const toast = useToast();
  const key = ["shares", conversation];
  const links = useQuery({ queryKey: key, queryFn: () => sharing.list(conversation) });
  const address = (token: string) => `${location.origin}/s/${token}`;
  const copy = (token: string) => copyText(address(token)).then(() => toast(t("Link copied.")));
  const make = useMutation({
    mutationFn: () => sharing.make(conversation, leaf),
    onSuccess: async ({ token }) => {
      await refresh(...key);
      await copy(token);
    },
  });
  const withdraw = useMutation({
    mutationFn: (token: string) => sharing.withdraw(conversation, token),
    onSuccess: () => refresh(...key),
  });
  return (
    <>
      <ul className="divide-y divide-line text-sm">
        {links.data?.data.map((link) => (
          <li key={link.token} className="flex items-center gap-2 py-2.5">
            <a href={address(link.token)} target="_blank" rel="noreferrer" className="min-w-0 flex-1 truncate text-accent-ink underline underline-offset-2">
              /s/{link.token}
            </a>
            <span className="text-xs text-muted">{ago(link.created_at)}</span>
            <Button small onClick={() => void copy(link.token)}>
              {t("Copy")}
            </Button>
            <Button small disabled={withdraw.isPending} onClick={() => withdraw.mutate(link.token)}>
              {t("Revoke")}
            </Button>
          </li>
        ))}
      </ul>
      <ErrorMessage error={links.error ?? make.error ?? withdraw.error} className="mt-3" />
      <DialogButtons>
        <Button onClick={onClose}>{t("Close")}</Button>
        <Button kind="primary" icon={Link2} disabled={make.isPending} onClick={() => make.mutate()}>
          {t("Create link")}
        </Button>
      </DialogButtons>
    </>
  );
}
