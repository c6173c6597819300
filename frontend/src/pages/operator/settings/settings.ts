/** How settings are grouped and worded. */
import type { Setting } from "../../../api/account";
import { words } from "../../../format";
import { t } from "../../../i18n";
import { ABOUT, TITLES } from "./texts";

export const GROUPS = [
  { title: t("Access"), names: ["guests", "sign_up", "oidc_name", "policy_choice", "quotas", "cors_origins"] },
  {
    title: t("Limits"),
    names: ["rate_limit", "token_limit", "max_message_chars", "max_response_tokens", "max_queue", "max_batch", "policies_in_memory", "cache_tokens", "max_body_bytes", "stop_seconds"],
  },
  { title: t("Answers"), names: ["temperature", "top_p", "frequency_penalty", "loop_tokens", "injection_warning"] },
  { title: t("Chat page"), names: ["starters"] },
  { title: t("Labeling"), names: ["labeling_gold", "labeling_order"] },
];

const SOURCES: Record<Setting["source"], string> = {
  default: t("Default"),
  environment: t("Environment"),
  file: t("File"),
  "command line": t("Command line"),
  saved: t("This page"),
};

export const titleOf = ({ name }: Setting) => TITLES[name] ?? words(name);
export const aboutOf = ({ name, about }: Setting) => ABOUT[name] ?? about;
export const sourceLabel = (source: Setting["source"]) => SOURCES[source];

export function shown(value: unknown): string {
  if (typeof value === "boolean") return value ? t("on") : t("off");
  return value === "" || value === null ? "—" : String(value);
}

export interface RoleQuota {
  requests: number;
  tokens: number;
}

export const ROLES = ["guest", "user", "labeler", "operator"];

/** The quotas in the text of the setting. Guests have that of users unless they have their own. */
export function readQuotas(text: string): Record<string, RoleQuota> {
  const given = (text ? JSON.parse(text) : {}) as Record<string, Partial<RoleQuota>>;
  const of = (role: string) => given[role] ?? (role === "guest" ? given.user : undefined);
  return Object.fromEntries(ROLES.map((role) => [role, { requests: of(role)?.requests ?? 0, tokens: of(role)?.tokens ?? 0 }]));
}

/** The text of the setting. Guests without a limit are named, or they would have that of users. */
export function writeQuotas(quotas: Record<string, RoleQuota>): string {
  const limited = Object.entries(quotas).filter(([role, { requests, tokens }]) => requests || tokens || role === "guest");
  const none = limited.every(([, { requests, tokens }]) => !requests && !tokens);
  return none ? "" : JSON.stringify(Object.fromEntries(limited));
}
