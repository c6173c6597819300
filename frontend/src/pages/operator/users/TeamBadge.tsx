/** Names the team that an iteration or a policy belongs to. */
import { useTeams } from "../../../api/teams";
import { Badge } from "../../../components/Badge";

export function TeamBadge({ id }: { id: string }) {
  const team = useTeams().data?.data.find((each) => each.id === id);
  return <Badge>{team?.name ?? id}</Badge>;
}
