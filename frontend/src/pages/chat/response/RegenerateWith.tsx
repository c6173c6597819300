/** The submenu that regenerates an answer with a chosen policy. */
import { History } from "lucide-react";
import { useServablePolicies } from "../../../api/queries";
import { MenuItem, SubMenu } from "../../../components/Menu";
import { t } from "../../../i18n";

export function RegenerateWith({ disabled, onPick }: { disabled: boolean; onPick: (policyId: string) => void }) {
  const askable = useServablePolicies();
  if (!askable.data || askable.data.length < 2) return null;
  return (
    <SubMenu icon={History} label={t("Regenerate with…")} disabled={disabled}>
      {askable.data.map(({ id, state }) => (
        <MenuItem key={id} onSelect={() => onPick(id)}>
          {id}
          <span className="ms-auto ps-4 text-xs text-muted">{state}</span>
        </MenuItem>
      ))}
    </SubMenu>
  );
}
