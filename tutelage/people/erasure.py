"""Erasure: rows go, and what had learned from them is named, so that it can be trained without.

What stays is in docs/privacy.md: ids in the audit log and in the record of the erasure, and the
texts in snapshots of iterations that have run, which the operator deletes with their folders.
"""

import time
from collections.abc import Sequence
from pathlib import Path

import sqlalchemy
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from tutelage import audit
from tutelage.chat import conversations
from tutelage.errors import Conflict, NotFound
from tutelage.iterations import iterations
from tutelage.people import accounts
from tutelage.policies import lineage
from tutelage.store import Lock, Store, exclude
from tutelage.tables import (
    AuditEvent,
    Conversation,
    Erasure,
    Feedback,
    Iteration,
    PolicyVersion,
    Role,
    User,
    new_id,
)

ERASED = "user.erase"
CHATS_AT_ONCE, ROWS_AT_ONCE = 20, 1000  # in one transaction


def erase_conversation(
    store: Store, folder: Path, conversation_id: str, owner_id: str, actor: str
) -> Erasure | None:
    """Erase one conversation of that owner; the record of what learned from it, if anything did.

    ``folder`` holds one folder per iteration. Raises NotFound.
    """
    lineage.learned(folder)  # slow at first, so before others wait
    with store.write() as session:
        exclude(session, Lock.PRIVILEGED)
        conversation = conversations.owned(session, conversation_id, owner_id)
        copies = select(Conversation.id).where(Conversation.origin_id == conversation_id)
        ids = [conversation_id, *session.exec(copies)]
        record = _record(session, folder, conversation_id, ids, [])
        conversations.erase(session, conversation, actor)
    store.scrub()
    return record


def erase_user(store: Store, folder: Path, user_id: str) -> Erasure | None:
    """Erase a person with all that hangs from them; the record of what learned from it.

    The person is shut out first; the rows then go in small transactions, so that others can write
    meanwhile. ``finish`` ends what a crash interrupts. Raises Conflict for the last operator.
    """
    lineage.learned(folder)  # slow at first, so before others wait
    with store.write() as session:
        record = _begin(session, folder, user_id)
    _delete_user(store, user_id)
    return record


def finish(store: Store) -> None:
    """End the erasures of persons that were interrupted."""
    begun = select(AuditEvent.subject).where(AuditEvent.action == ERASED)
    with store.read() as session:
        left = list(session.exec(select(User.id).where(col(User.id).in_(begun))))
    for user_id in left:
        _delete_user(store, user_id)


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
    taught = [session.get(PolicyVersion, name) for name in record.policies]
    common = [each.id for each in taught if each and each.team_id is None]
    parent = lineage.unaffected_ancestor(session, common or record.policies)
    if parent is None:
        raise Conflict(
            "Every policy in the lineage was trained on the erased data. Start from a base policy."
        )
    first = next((each for each in taught if each), None)
    team_id = first.team_id if first and not common else None
    iteration = iterations.request(
        session, preset, parent, new_id("request"), actor, team_id=team_id
    )
    record.iteration_id = iteration.id
    session.add(record)
    audit.record(session, actor, "erasure.retrain", erasure_id, iteration=iteration.id)
    return iteration


def _begin(session: Session, folder: Path, user_id: str) -> Erasure | None:
    exclude(session, Lock.PRIVILEGED)
    user = accounts.get(session, user_id)
    if user.role == Role.OPERATOR:
        accounts.require_another_operator(session, user)
    own = select(Conversation.id).where(Conversation.owner_id == user_id)
    copies = select(Conversation.id).where(col(Conversation.origin_id).in_(own))
    owned = sorted({*session.exec(own), *session.exec(copies)})
    judged = list(session.exec(select(Feedback.id).where(Feedback.author_id == user_id)))
    record = _record(session, folder, user_id, owned, judged)
    audit.record(session, user_id, ERASED, user_id, conversations=len(owned))
    user.disabled_at = time.time()
    session.add(user)
    accounts.end_sessions(session, user_id)
    return record


def _delete_user(store: Store, user_id: str) -> None:
    chats = select(Conversation.id).where(Conversation.owner_id == user_id).limit(CHATS_AT_ONCE)
    judged = select(Feedback.id).where(Feedback.author_id == user_id).limit(ROWS_AT_ONCE)
    while ids := _some(store, chats):
        with store.write() as session:
            conversations.delete(session, ids)
    while ids := _some(store, judged):
        with store.write() as session:
            session.execute(sqlalchemy.delete(Feedback).where(col(Feedback.id).in_(ids)))
    with store.write() as session:
        if user := session.get(User, user_id):
            session.delete(user)
    store.scrub()


def _some(store: Store, ids: SelectOfScalar[str]) -> Sequence[str]:
    with store.read() as session:
        return session.exec(ids).all()


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
