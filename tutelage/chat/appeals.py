"""Appeals: a person objects to a verdict of moderation, and an operator decides."""

import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlmodel import Session, col, select

from tutelage import audit
from tutelage.chat import inbox
from tutelage.errors import Conflict, Invalid, NotFound
from tutelage.tables import (
    Appeal,
    AppealState,
    Conversation,
    Message,
    ModerationRecord,
    NewsKind,
    place_of,
)

COMMENT_LIMIT = 4_000
CAN_BE_APPEALED = ("warn", "block")


class Case(NamedTuple):
    """An appeal with what it is about."""

    appeal: Appeal
    record: ModerationRecord
    message: Message

    @property
    def text(self) -> str:
        """What was moderated: the message, and of a blocked answer also what was withheld."""
        return self.message.content + self.record.withheld


def verdict_of(session: Session, owner_id: str, message_id: str) -> ModerationRecord:
    """The verdict that a person was told of one of their messages or its answers; else NotFound."""
    message = session.get(Message, message_id)
    conversation = session.get(Conversation, message.conversation_id) if message else None
    if message is None or conversation is None or conversation.owner_id != owner_id:
        raise NotFound(f"Message {message_id!r} not found.")
    record = session.exec(
        select(ModerationRecord)
        .where(ModerationRecord.message_id == message_id)
        .where(col(ModerationRecord.action).in_(CAN_BE_APPEALED))
        .order_by(col(ModerationRecord.seq).desc())
    ).first()
    if record is None:
        raise NotFound(f"Moderation took no action on message {message_id!r}.")
    return record


def of_record(session: Session, record_id: str) -> Appeal | None:
    """The appeal against a verdict, if there is one."""
    return session.exec(select(Appeal).where(Appeal.record_id == record_id)).first()


def file(session: Session, record: ModerationRecord, author_id: str, comment: str) -> Appeal:
    """Object to a verdict. Raises Conflict when there is an appeal already."""
    if len(comment) > COMMENT_LIMIT:
        raise Invalid(f"The comment is longer than {COMMENT_LIMIT} characters.", "comment")
    if of_record(session, record.id):
        raise Conflict("This decision has already been appealed.")
    appeal = Appeal(record_id=record.id, author_id=author_id, comment=comment)
    session.add(appeal)
    session.flush()
    return appeal


def decide(
    session: Session, appeal_id: str, operator_id: str, labels: Mapping[str, int], answer: str
) -> Appeal:
    """Decide, or decide anew, by saying which categories hold; overturned when none does.

    ``labels`` names every category of the verdict, and may name others.
    """
    appeal = session.get(Appeal, appeal_id)
    if appeal is None:
        raise NotFound(f"Appeal {appeal_id!r} not found.")
    record = session.get(ModerationRecord, appeal.record_id)
    if missing := sorted(set(record.categories if record else ()) - set(labels)):
        raise Invalid(f"labels needs a value for {missing[0]}.", "labels")
    appeal.state = AppealState.UPHELD if any(labels.values()) else AppealState.OVERTURNED
    appeal.labels, appeal.answer = dict(labels), answer
    appeal.decided_at = time.time()
    session.add(appeal)
    audit.record(session, operator_id, "appeal.decide", appeal_id, state=appeal.state.value)
    message = session.get_one(Message, record.message_id) if record else None
    told = {"state": appeal.state.value, "answer": answer}
    chat = message.conversation_id if message else None
    inbox.tell(session, appeal.author_id, NewsKind.APPEAL, appeal_id, told, chat)
    return appeal


def case(session: Session, appeal: Appeal) -> Case:
    """The appeal with its verdict and message, which go together when they are erased."""
    record = session.get_one(ModerationRecord, appeal.record_id)
    return Case(appeal, record, session.get_one(Message, record.message_id))


def listed(
    session: Session, limit: int, after: str | None = None, state: AppealState | None = None
) -> list[Case]:
    """Appeals, oldest first: the queue."""
    statement = (
        select(Appeal, ModerationRecord, Message)
        .where(Appeal.record_id == ModerationRecord.id)
        .where(ModerationRecord.message_id == Message.id)
        .order_by(col(Appeal.seq))
        .limit(limit)
    )
    if after:
        statement = statement.where(Appeal.seq > place_of(Appeal, after))
    if state:
        statement = statement.where(Appeal.state == state)
    return [Case(*row) for row in session.exec(statement)]


def decided(session: Session, consented: bool = True) -> Sequence[Case]:
    """Decided appeals; with ``consented`` only those in conversations that may be trained on."""
    statement = (
        select(Appeal, ModerationRecord, Message)
        .where(Appeal.record_id == ModerationRecord.id)
        .where(ModerationRecord.message_id == Message.id)
        .where(Message.conversation_id == Conversation.id)
        .where(Appeal.state != AppealState.OPEN)
        .order_by(col(Appeal.seq))
    )
    if consented:
        statement = statement.where(Conversation.training)
    return [Case(*row) for row in session.exec(statement)]
