/** In an answer's menu: the policies that one may ask for another answer. */
import { History } from "lucide-react";
import { useAskable } from "../../../api/queries";
import { MenuItem, SubMenu } from "../../../components/Menu";

export function RegenerateWith({ disabled, onPick }: { disabled: boolean; onPick: (policyId: string) => void }) {
  const askable = useAskable();
  if (!askable.data || askable.data.length < 2) return null;
  return (
    <SubMenu icon={History} label="Regenerate with…" disabled={disabled}>
      {askable.data.map(({ id, state }) => (
        <MenuItem key={id} onSelect={() => onPick(id)}>
          {id}
          <span className="ml-auto pl-4 text-xs text-muted">{state}</span>
        </MenuItem>
      ))}
    </SubMenu>
  );
}
