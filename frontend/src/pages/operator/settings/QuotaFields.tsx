/** Requests and tokens per day, by role. */
import { words } from "../../../format";
import { t } from "../../../i18n";
import { readQuotas, ROLES, writeQuotas } from "./settings";

const LOOK = "h-9 w-full min-w-0 rounded-lg border border-line-strong bg-canvas px-2 text-sm focus:border-accent focus:outline-none";

export function QuotaFields({ text, onChange }: { text: string; onChange: (text: string) => void }) {
  const quotas = readQuotas(text);
  return (
    <div role="group" aria-label={t("Daily quotas")} className="grid grid-cols-[auto_1fr_1fr] items-center gap-x-2 gap-y-1.5 text-sm">
      <span />
      <span className="text-xs text-muted">{t("Requests")}</span>
      <span className="text-xs text-muted">{t("Tokens")}</span>
      {ROLES.map((role) => (
        <div key={role} className="contents">
          <span>{words(role)}</span>
          {(["requests", "tokens"] as const).map((what) => (
            <input
              key={what}
              type="number"
              min={0}
              aria-label={what === "requests" ? t("{{role}}: requests per day", { role: words(role) }) : t("{{role}}: tokens per day", { role: words(role) })}
              value={quotas[role]![what]}
              onChange={(event) => onChange(writeQuotas({ ...quotas, [role]: { ...quotas[role]!, [what]: Math.trunc(event.target.valueAsNumber) || 0 } }))}
              className={LOOK}
            />
          ))}
        </div>
      ))}
      <p className="col-span-3 text-[13px] text-muted">{t("0 = unlimited.")}</p>
    </div>
  );
}
