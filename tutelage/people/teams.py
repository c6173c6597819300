"""Teams: people whose chats teach a policy of their own. A person is in one team at most."""

from collections.abc import Sequence

from sqlmodel import Session, col, func, select

from tutelage import audit
from tutelage.errors import Conflict, Invalid, NotFound
from tutelage.people import accounts
from tutelage.store import Lock, exclude
from tutelage.tables import Conversation, Membership, Team, User
from tutelage.text.single_line import single_line

LONGEST_NAME = 100


def create(session: Session, name: str, actor: str) -> Team:
    """A new team without members. Raises Invalid for no name, Conflict for one that is taken."""
    exclude(session, Lock.PRIVILEGED)
    team = Team(name=_free(session, name))
    session.add(team)
    session.flush()
    audit.record(session, actor, "team.create", team.id)
    return team


def rename(session: Session, team_id: str, name: str, actor: str) -> Team:
    """Give it another name. Raises what ``create`` does."""
    exclude(session, Lock.PRIVILEGED)
    team = get(session, team_id)
    team.name = team.name if single_line(name) == team.name else _free(session, name)
    session.add(team)
    audit.record(session, actor, "team.rename", team.id)
    return team


def delete(session: Session, team_id: str, actor: str, policies: Sequence[str]) -> None:
    """Its members are in no team then; their chats stay theirs, and teach no policy any more.

    ``policies`` of its own were deleted with it (``tutelage.people.team_deletion``).
    """
    exclude(session, Lock.PRIVILEGED)
    team = get(session, team_id)
    left = len(members(session, team.id))
    audit.record(session, actor, "team.delete", team.id, members=left, policies=list(policies))
    session.delete(team)


def join(session: Session, user_id: str, team_id: str | None, actor: str) -> None:
    """Put a person into a team, or out of every team. What they wrote before stays where it is."""
    exclude(session, Lock.PRIVILEGED)
    user = accounts.get(session, user_id)
    row, team = session.get(Membership, user.id), get(session, team_id) if team_id else None
    before, after = row.team_id if row else None, team.id if team else None
    if before == after:
        return
    if row:
        session.delete(row)
        session.flush()
    if after:
        session.add(Membership(user_id=user.id, team_id=after))
    audit.record(session, actor, "team.join", user.id, before=before, team=after)


def get(session: Session, team: str) -> Team:
    """The team of that id or name. Raises NotFound."""
    found = session.get(Team, team) or _named(session, team)
    if found is None:
        raise NotFound(f"Team {team!r} not found. List the teams with `tutelage teams list`.")
    return found


def listed(session: Session) -> list[Team]:
    """All teams, oldest first."""
    return list(session.exec(select(Team).order_by(col(Team.seq))))


def members(session: Session, team_id: str) -> list[User]:
    """The people in a team, in the order in which they joined."""
    statement = select(User).join(Membership, col(Membership.user_id) == col(User.id))
    statement = statement.where(Membership.team_id == team_id)
    return list(session.exec(statement.order_by(col(Membership.seq))))


def sizes(session: Session) -> dict[str, int]:
    """How many members each team has; teams without any are not named."""
    statement = select(Membership.team_id, func.count()).group_by(col(Membership.team_id))
    return dict(session.exec(statement).all())


def of_person(session: Session, user_id: str) -> str | None:
    """The id of a person's team."""
    row = session.get(Membership, user_id)
    return row.team_id if row else None


def answering(session: Session, user_id: str, chat: Conversation | None) -> str | None:
    """The team whose policy answers a person in a chat; without a chat, in a new one.

    None in a chat of a team that the person is not in (any more): the common policy answers there,
    so that no team reads what another team's policy writes.
    """
    own = of_person(session, user_id)
    return own if chat is None or chat.team_id in (None, own) else None


def by_claim(session: Session, user: User, names: object) -> None:
    """Put a person into the first team that a sign-in provider names; out of teams for none.

    Teams are made by operators: a name that is not one of theirs is ignored. Whatever else than
    a text or a list of texts is no claim, and changes nothing.
    """
    named = [names] if isinstance(names, str) else names
    if isinstance(named, list):
        found = (_named(session, each) for each in named if isinstance(each, str))
        team = next((each for each in found if each), None)
        join(session, user.id, team.id if team else None, "oidc")


def _named(session: Session, name: str) -> Team | None:
    return session.exec(select(Team).where(Team.name == single_line(name))).first()


def _free(session: Session, name: str) -> str:
    line = single_line(name)
    if not 1 <= len(line) <= LONGEST_NAME:
        raise Invalid(f"A team's name must have 1 to {LONGEST_NAME} characters.", "name")
    if _named(session, line):
        raise Conflict(f"There is a team {line!r} already. Choose another name.", "name")
    return line
