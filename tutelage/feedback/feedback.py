"""What people say of answers: append-only rows, checked before they are kept."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import exists
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, func, select

from tutelage.chat import conversations
from tutelage.errors import Conflict, Invalid, NotFound
from tutelage.tables import Conversation, Feedback, FeedbackKind, Message, Purpose, Report

REASONS_LIMIT = 10
TEXT_LIMIT = 32_000


def record(
    session: Session,
    author_id: str,
    kind: FeedbackKind,
    messages: Sequence[Message],
    value: dict[str, Any],
    target: str,
    positions: list[str] | None = None,
    idempotency_key: str | None = None,
    moderation: dict[str, Any] | None = None,
) -> Feedback:
    """Keep one judgement of ``messages`` (one, or all that a ranking names).

    The same author's idempotency key gives the row that is there already; with other
    content it is a Conflict. ``moderation`` is the notice on its text, where that was flagged.
    """
    row = Feedback(
        kind=kind,
        author_id=author_id,
        conversation_id=messages[0].conversation_id,
        target=target,
        value=value,
        positions=positions,
        moderation=moderation,
        policy_id=messages[0].policy_id,
        idempotency_key=idempotency_key,
    )
    earlier = _with_key(session, author_id, idempotency_key)
    if earlier:
        return _same(earlier, row)
    session.add(row)
    session.flush()
    if kind == FeedbackKind.REPORT:
        _open_report(session, row, messages[0])
    return row


def visible_response(session: Session, author_id: str, message_id: str, field: str) -> Message:
    """An assistant message of one of the author's chats; else NotFound, also for copies."""
    message = session.get(Message, message_id)
    conversation = session.get(Conversation, message.conversation_id) if message else None
    own = conversation is not None and conversation.owner_id == author_id
    if message is None or conversation is None or not own or conversation.purpose != Purpose.CHAT:
        raise NotFound(f"Message {message_id!r} not found.", field)
    if message.role != "assistant":
        raise Invalid("Feedback is possible on assistant messages only.", field)
    return message


def visible_completion(session: Session, author_id: str, completion_id: str) -> list[Message]:
    """The choices of a completion that the author asked for; else NotFound."""
    choices = conversations.completion(session, completion_id)
    if not choices:
        raise NotFound(f"Completion {completion_id!r} not found.", "completion_id")
    visible_response(session, author_id, choices[0].id, "completion_id")
    return choices


def check_ranking(groups: Sequence[Sequence[Any]], known: Iterable[Any]) -> None:
    """A ranking orders at least two of the known answers, each at most once."""
    ranked = [item for group in groups for item in group]
    unknown = [item for item in ranked if item not in set(known)]
    if unknown:
        raise Invalid(f"{unknown[0]!r} is not one of the responses to rank.", "ranking")
    if len(set(ranked)) != len(ranked):
        raise Invalid("The ranking contains a response twice.", "ranking")
    if len(ranked) < 2:
        raise Invalid("A ranking needs at least two responses.", "ranking")
    if not all(groups):
        raise Invalid("The ranking contains an empty place.", "ranking")


def withdraw(session: Session, author_id: str, feedback_id: str) -> Feedback:
    """Take a judgement back: a row that names the one it withdraws."""
    row = session.get(Feedback, feedback_id)
    if row is None or row.author_id != author_id or row.kind == FeedbackKind.WITHDRAWAL:
        raise NotFound(f"You have no feedback with the id {feedback_id!r}.")
    withdrawal = Feedback(
        kind=FeedbackKind.WITHDRAWAL,
        author_id=author_id,
        conversation_id=row.conversation_id,
        target=row.id,
        value={},
        policy_id=row.policy_id,
    )
    session.add(withdrawal)
    session.flush()
    return withdrawal


def effective(rows: Iterable[Feedback]) -> list[Feedback]:
    """The judgements that stand, oldest first: neither withdrawn nor superseded.

    A later row of the same author, kind and target supersedes an earlier one, also when that
    later row is withdrawn afterwards: what it replaced does not come back.
    """
    ordered = sorted(rows, key=lambda row: row.seq)
    withdrawn = {row.target for row in ordered if row.kind == FeedbackKind.WITHDRAWAL}
    latest = {
        (row.author_id, row.kind, row.target): row
        for row in ordered
        if row.kind != FeedbackKind.WITHDRAWAL
    }
    kept = [row for row in latest.values() if row.id not in withdrawn]
    return sorted(kept, key=lambda row: row.seq)


def standing() -> tuple[Any, Any]:
    """The conditions on the rows of ``Feedback`` that ``effective`` would keep."""
    later, back = aliased(Feedback), aliased(Feedback)
    superseded = exists().where(
        col(later.target) == Feedback.target,
        col(later.author_id) == Feedback.author_id,
        col(later.kind) == Feedback.kind,
        col(later.seq) > Feedback.seq,
    )
    withdrawn = exists().where(
        col(back.target) == Feedback.id, col(back.kind) == FeedbackKind.WITHDRAWAL
    )
    return ~superseded, ~withdrawn


def standing_by_kind(session: Session) -> dict[str, int]:
    """How many judgements stand, by kind, as ``effective`` would find; counted by the database."""
    statement = select(Feedback.kind, func.count()).where(
        Feedback.kind != FeedbackKind.WITHDRAWAL, *standing()
    )
    return {str(kind): count for kind, count in session.exec(statement.group_by(Feedback.kind))}


def after(newest_first: Sequence[Feedback], last: str | None) -> Sequence[Feedback]:
    """The rows after the one with the id ``last``; None: all of them."""
    found = [place for place, row in enumerate(newest_first) if row.id == last]
    return newest_first if last is None else newest_first[found[0] + 1 :] if found else []


def of_author(session: Session, author_id: str) -> list[Feedback]:
    """One's own judgements that stand."""
    rows = session.exec(select(Feedback).where(Feedback.author_id == author_id))
    return effective(rows)


def of_conversation(session: Session, conversation_id: str) -> list[Feedback]:
    """The judgements that stand in one conversation."""
    rows = session.exec(select(Feedback).where(Feedback.conversation_id == conversation_id))
    return effective(rows)


def _with_key(session: Session, author_id: str, key: str | None) -> Feedback | None:
    if key is None:
        return None
    statement = select(Feedback).where(
        Feedback.author_id == author_id, col(Feedback.idempotency_key) == key
    )
    return session.exec(statement).first()


def _same(earlier: Feedback, row: Feedback) -> Feedback:
    same = (earlier.kind, earlier.target, earlier.value) == (row.kind, row.target, row.value)
    if not same:
        raise Conflict(
            "This Idempotency-Key was already used for different feedback.", "Idempotency-Key"
        )
    return earlier


def _open_report(session: Session, row: Feedback, message: Message) -> None:
    report = Report(
        feedback_id=row.id,
        message_id=message.id,
        category=row.value["category"],
        comment=row.value.get("comment", ""),
    )
    session.add(report)
    session.flush()
