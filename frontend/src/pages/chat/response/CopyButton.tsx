import { Check, Copy } from "lucide-react";
import { useState } from "react";
import { copyText } from "../../../browser";
import { IconButton } from "../../../components/Button";
import { t } from "../../../i18n";

const COPIED_MS = 1500;

export function CopyButton({ text }: { text: string }) {
  const [copied, setCopied] = useState(false);

  async function copy(button: Element) {
    await copyText(text, button);
    setCopied(true);
    setTimeout(() => setCopied(false), COPIED_MS);
  }

  return <IconButton icon={copied ? Check : Copy} label={copied ? t("Copied") : t("Copy")} onClick={(event) => void copy(event.currentTarget)} />;
}
