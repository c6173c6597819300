"""Which policy answers: registration, promotion and rollback of policy versions."""

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
) -> PolicyVersion:
    """Make a published policy directory known, as a candidate; doing it twice changes nothing."""
    exclude(session, Lock.PRIVILEGED)
    known = session.get(PolicyVersion, policy_id)
    if known:
        return known
    version = PolicyVersion(
        id=policy_id,
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


def current(session: Session) -> PolicyVersion | None:
    """The policy that new turns use."""
    statement = select(PolicyVersion).where(PolicyVersion.state == PolicyState.CURRENT)
    return session.exec(statement).first()


def newest_candidate(session: Session) -> str | None:
    """The newest policy that is not current yet, where it is newer than the current one."""
    waiting = (PolicyState.CANDIDATE, PolicyState.CANARY)
    found = next((each.id for each in versions(session) if each.state in waiting), None)
    now = current(session)
    return found if found and (now is None or found > now.id) else None


def promote(session: Session, policy_id: str, actor: str, explanation: str = "") -> PolicyVersion:
    """Make a policy current; the one before it is retired and can be rolled back to.

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
    previous = current(session)
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


def rollback(session: Session, actor: str) -> PolicyVersion:
    """Return to the policy that was current before; the one left is rejected.

    A second rollback goes further back: it never returns to the policy just left.
    """
    exclude(session, Lock.PRIVILEGED)
    leaving = current(session)
    statement = (
        select(PolicyVersion)
        .where(PolicyVersion.state == PolicyState.RETIRED)
        .order_by(col(PolicyVersion.seq).desc())
    )
    earlier = session.exec(statement).first()
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
