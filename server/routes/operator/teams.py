"""/v1/operator/teams: teams and who is in them."""

from fastapi import APIRouter
from sqlmodel import Session

from server.dependencies import OperatorDep, ServicesDep
from server.schemas.operator.teams import TeamItem, TeamMember, TeamMemberRequest, TeamRequest
from server.schemas.text import Deleted, Name, Page, columns
from tutelage.errors import NotFound
from tutelage.people import team_deletion, teams
from tutelage.tables import Team

router = APIRouter(prefix="/v1/operator/teams", tags=["operator"])


@router.get("")
def list_teams(_operator: OperatorDep, services: ServicesDep) -> Page[TeamItem]:
    """All teams with their members, oldest first."""
    with services.store.read() as session:
        return Page(data=[_item(session, team) for team in teams.listed(session)])


@router.post("", status_code=201)
def create_team(body: TeamRequest, operator: OperatorDep, services: ServicesDep) -> TeamItem:
    """Create a team. From then on chats of its members teach a policy of the team alone."""
    with services.store.write() as session:
        return _item(session, teams.create(session, body.name, operator.user.id))


@router.patch("/{team_id}")
def rename_team(
    team_id: Name, body: TeamRequest, operator: OperatorDep, services: ServicesDep
) -> TeamItem:
    """Rename a team."""
    with services.store.write() as session:
        return _item(session, teams.rename(session, team_id, body.name, operator.user.id))


@router.delete("/{team_id}")
def delete_team(team_id: Name, operator: OperatorDep, services: ServicesDep) -> Deleted:
    """Delete a team with its policies and what they were trained on; members keep chats."""
    team_deletion.delete_team(
        services.store,
        services.library,
        services.iterations,
        services.settings.data / "limitations",
        team_id,
        operator.user.id,
        services.storage,
    )
    return Deleted(id=team_id)


@router.post("/{team_id}/members", status_code=201)
def add_member(
    team_id: Name, body: TeamMemberRequest, operator: OperatorDep, services: ServicesDep
) -> TeamItem:
    """Put a person into a team; a person is in one team at most."""
    with services.store.write() as session:
        team = teams.get(session, team_id)
        teams.join(session, body.user_id, team.id, operator.user.id)
        session.flush()
        return _item(session, team)


@router.delete("/{team_id}/members/{user_id}")
def remove_member(
    team_id: Name, user_id: Name, operator: OperatorDep, services: ServicesDep
) -> Deleted:
    """Take a person out of a team."""
    with services.store.write() as session:
        team = teams.get(session, team_id)
        if teams.of_person(session, user_id) != team.id:
            raise NotFound(f"User {user_id!r} is not in the team {team.name!r}.")
        teams.join(session, user_id, None, operator.user.id)
    return Deleted(id=user_id)


def _item(session: Session, team: Team) -> TeamItem:
    found = [TeamMember(id=each.id, name=each.name) for each in teams.members(session, team.id)]
    return TeamItem(**columns(team, TeamItem), members=found)
