"""Which policy answers: registration, promotion and rollback of policy versions.

A policy of a team is promoted and rolled back for that team alone; all others are common.
"""

import time

from sqlmodel import Session, col, select

from tutelage import audit
from tutelage.errors import Conflict, Invalid, NotFound
from tutelage.store import Lock, exclude
from tutelage.tables import Iteration, PolicyState, PolicyVersion


def register(
    session: Session,
    policy_id: str,
    manifest_sha256: str,
    parent_id: str | None = None,
    iteration_id: str | None = None,
    actor: str = "system",
    team_id: str | None = None,
) -> PolicyVersion:
    """Make a published policy directory known, as a candidate; doing it twice changes nothing."""
    exclude(session, Lock.PRIVILEGED)
    known = session.get(PolicyVersion, policy_id)
    if known:
        return known
    version = PolicyVersion(
        id=policy_id,
        team_id=team_id,
        parent_id=parent_id,
        iteration_id=iteration_id,
        state=PolicyState.CANDIDATE,
        manifest_sha256=manifest_sha256,
    )
    session.add(version)
    audit.record(session, actor, "policy.register", policy_id, manifest_sha256=manifest_sha256)
    return version


def versions(session: Session) -> list[PolicyVersion]:
    """All policy versions, newest first."""
    return list(session.exec(select(PolicyVersion).order_by(col(PolicyVersion.id).desc())))


def current(session: Session, team_id: str | None = None) -> PolicyVersion | None:
    """The policy that new turns use; of a team, the one that it has of its own."""
    statement = select(PolicyVersion).where(
        PolicyVersion.state == PolicyState.CURRENT, PolicyVersion.team_id == team_id
    )
    return session.exec(statement).first()


def of_teams(session: Session) -> dict[str, str]:
    """The current policies of the teams that have one, by team."""
    statement = select(PolicyVersion).where(
        PolicyVersion.state == PolicyState.CURRENT, col(PolicyVersion.team_id).is_not(None)
    )
    return {str(version.team_id): version.id for version in session.exec(statement)}


def serving(session: Session, team_id: str | None) -> PolicyVersion | None:
    """The policy that answers the members of a team: their own, else the common one."""
    return current(session, team_id) or current(session)


def newest_candidate(session: Session) -> str | None:
    """The newest common policy that is not current yet, where it is newer than the current one."""
    waiting = (PolicyState.CANDIDATE, PolicyState.CANARY)
    common = (each for each in versions(session) if each.team_id is None)
    found = next((each.id for each in common if each.state in waiting), None)
    now = current(session)
    return found if found and (now is None or found > now.id) else None


def promote(session: Session, policy_id: str, actor: str, explanation: str = "") -> PolicyVersion:
    """Make a policy current; the one before it is retired and can be rolled back to.

    A team's policy becomes current for that team.

    Raises Invalid where it needs an ``explanation`` and has none.
    """
    exclude(session, Lock.PRIVILEGED)
    chosen = session.get(PolicyVersion, policy_id)
    if chosen is None:
        raise NotFound(
            f"Policy {policy_id!r} not found. List the policies with `tutelage policies list`."
        )
    if chosen.state == PolicyState.CURRENT:
        raise Conflict(f"{policy_id} is already the current policy.")
    require_explained(session, chosen, explanation)
    previous = current(session, chosen.team_id)
    if previous:
        _set_state(session, previous, PolicyState.RETIRED)
    chosen.promoted_at, chosen.seq = time.time(), 0
    _set_state(session, chosen, PolicyState.CURRENT)
    audit.record(
        session, actor, "policy.promote", policy_id,
        previous=previous.id if previous else None, explanation=explanation,
    )  # fmt: skip
    return chosen


def require_explained(session: Session, version: PolicyVersion, explanation: str) -> None:
    """Raises Invalid where a policy fails cases of accepted reports and no reason is given."""
    iteration = session.get(Iteration, version.iteration_id) if version.iteration_id else None
    failed = (iteration.metrics.get("failed_cases") if iteration else None) or []
    if failed and not explanation.strip():
        raise Invalid(
            f"{version.id} fails regression tests from accepted reports ({', '.join(failed)}). "
            "Give an explanation to promote it anyway.",
            "explanation",
        )


def rollback(session: Session, actor: str, team_id: str | None = None) -> PolicyVersion:
    """Return to the policy that was current before; the one left is rejected.

    A second rollback goes further back: it never returns to the policy just left. A team without
    an earlier policy of its own returns to the common one.
    """
    exclude(session, Lock.PRIVILEGED)
    leaving = current(session, team_id)
    statement = (
        select(PolicyVersion)
        .where(PolicyVersion.state == PolicyState.RETIRED, PolicyVersion.team_id == team_id)
        .order_by(col(PolicyVersion.seq).desc())
    )
    earlier = session.exec(statement).first() or (current(session) if team_id else None)
    if leaving is None or earlier is None:
        raise Conflict("No previous policy to roll back to.")
    _set_state(session, leaving, PolicyState.REJECTED)
    _set_state(session, earlier, PolicyState.CURRENT)
    audit.record(session, actor, "policy.rollback", earlier.id, left=leaving.id)
    return earlier


def _set_state(session: Session, version: PolicyVersion, state: PolicyState) -> None:
    version.state = state
    session.add(version)
    session.flush()
