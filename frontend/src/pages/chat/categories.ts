/** Moderation categories in words, as the server's notices name them. */
import { t } from "../../i18n";

const WORDS: Record<string, string> = {
  "harassment/threatening": t("threats"),
  "hate/threatening": t("hateful threats"),
  illicit: t("wrongdoing"),
  "illicit/violent": t("violent wrongdoing"),
  "self-harm/intent": t("self-harm: intent"),
  "self-harm/instructions": t("self-harm: instructions"),
  harassment: t("harassment"),
  hate: t("hate"),
  "self-harm": t("self-harm"),
  violence: t("violence"),
  sexual: t("sexual content"),
  "sexual/minors": t("sexual content about minors"),
  "violence/graphic": t("graphic violence"),
  "prompt-injection": t("attempt to override the assistant's instructions"),
};

export const categoryWords = (category: string) => WORDS[category] ?? category;

/** Whether a notice is addressed to someone who may be in distress. */
export const isDistress = (categories: string[]) => categories.length > 0 && categories.every((each) => each.startsWith("self-harm"));
