"""Erasure: rows go, and what had learned from them is named, so that it can be trained without.

What stays is in docs/privacy.md: ids in the audit log and in the record of the erasure, and the
texts in snapshots of iterations that have run, which the operator deletes with their folders.
"""

from pathlib import Path

from sqlmodel import Session, col, select

from tutelage import audit
from tutelage.chat import conversations
from tutelage.errors import Conflict, NotFound
from tutelage.iterations import iterations
from tutelage.people import accounts
from tutelage.policies import lineage
from tutelage.store import Lock, exclude
from tutelage.tables import Conversation, Erasure, Feedback, Iteration, Role, new_id


def erase_conversation(
    session: Session, folder: Path, conversation: Conversation, actor: str
) -> Erasure | None:
    """Erase one conversation; the record of what learned from it, if anything did.

    ``folder`` holds one folder per iteration.
    """
    exclude(session, Lock.PRIVILEGED)
    copies = select(Conversation.id).where(Conversation.origin_id == conversation.id)
    ids = [conversation.id, *session.exec(copies)]
    record = _record(session, folder, conversation.id, ids, [])
    conversations.erase(session, conversation, actor)
    return record


def erase_user(session: Session, folder: Path, user_id: str) -> Erasure | None:
    """Erase a person with all that hangs from them; the record of what learned from it.

    Raises Conflict for the last operator.
    """
    exclude(session, Lock.PRIVILEGED)
    user = accounts.get(session, user_id)
    if user.role == Role.OPERATOR:
        accounts.require_another_operator(session, user)
    owned = list(session.exec(select(Conversation.id).where(Conversation.owner_id == user_id)))
    judged = list(session.exec(select(Feedback.id).where(Feedback.author_id == user_id)))
    copies = list(session.exec(select(Conversation).where(col(Conversation.origin_id).in_(owned))))
    record = _record(session, folder, user_id, [*owned, *(copy.id for copy in copies)], judged)
    audit.record(session, user_id, "user.erase", user_id, conversations=len(owned))
    for row in (*copies, user):
        session.delete(row)
    return record


def listed(session: Session) -> list[Erasure]:
    """The erasures that policies had learned from, newest first."""
    return list(session.exec(select(Erasure).order_by(col(Erasure.seq).desc())))


def retrain_without(session: Session, erasure_id: str, preset: str, actor: str) -> Iteration:
    """Queue an iteration that starts from the newest policy that never learned what was erased.

    Raises NotFound, and Conflict when there is no such policy.
    """
    exclude(session, Lock.PRIVILEGED)
    record = session.get(Erasure, erasure_id)
    if record is None:
        raise NotFound(f"Erasure {erasure_id!r} not found.")
    parent = lineage.unaffected_ancestor(session, record.policies)
    if parent is None:
        raise Conflict(
            "Every policy in the lineage was trained on the erased data. Start from a base policy."
        )
    iteration = iterations.request(session, preset, parent, new_id("request"), actor)
    record.iteration_id = iteration.id
    session.add(record)
    audit.record(session, actor, "erasure.retrain", erasure_id, iteration=iteration.id)
    return iteration


def _record(
    session: Session, folder: Path, subject: str, erased: list[str], judged: list[str]
) -> Erasure | None:
    policies = lineage.affected(session, folder, erased, judged)
    if not policies:
        return None
    record = Erasure(subject=subject, conversations=erased, feedback=judged, policies=policies)
    session.add(record)
    session.flush()
    return record
