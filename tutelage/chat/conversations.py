"""Conversations as trees of messages: siblings are alternatives, edits and regenerations."""

import time
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy
from sqlalchemy import case, exists, literal, or_, tuple_
from sqlmodel import Session, col, func, select

from tutelage import audit
from tutelage.errors import Invalid, NotFound
from tutelage.tables import Conversation, Message, Purpose
from tutelage.text.folding import fold
from tutelage.text.passage import passage
from tutelage.text.single_line import single_line

TITLE_CHARS = 60
TITLE_LIMIT = 200
_TITLE_SOURCE = 2000  # characters of a message that its title is made of


def start(session: Session, owner_id: str, training: bool, title: str = "") -> Conversation:
    """A new, empty conversation."""
    conversation = Conversation(owner_id=owner_id, training=training, title=title)
    session.add(conversation)
    session.flush()
    return conversation


def owned(session: Session, conversation_id: str, owner_id: str) -> Conversation:
    """The conversation, if it is this person's; else NotFound, whether it exists or not."""
    conversation = session.get(Conversation, conversation_id)
    if conversation is None or conversation.owner_id != owner_id:
        raise NotFound(f"Conversation {conversation_id!r} not found.", "conversation_id")
    return conversation


def listed(
    session: Session, owner_id: str, limit: int = 50, after: str | None = None, query: str = ""
) -> list[Conversation]:
    """One's chats, pinned ones first, then as last used; ``after`` ends the page before."""
    statement = select(Conversation).where(
        Conversation.owner_id == owner_id, Conversation.purpose == Purpose.CHAT
    )
    if query:
        statement = statement.where(_mentions(query))
    pinned = case((col(Conversation.pinned_at).is_not(None), 1), else_=0)
    order = (pinned, col(Conversation.seq))
    if after:
        anchor = owned(session, after, owner_id)
        place = (int(anchor.pinned_at is not None), anchor.seq)
        statement = statement.where(tuple_(*order) < tuple_(*map(literal, place)))
    return list(session.exec(statement.order_by(*(each.desc() for each in order)).limit(limit)))


def passages(session: Session, rows: Iterable[Conversation], query: str) -> dict[str, str]:
    """Where the words are in the newest message that has them, by conversation."""
    newest = (
        select(func.max(Message.seq))
        .where(
            col(Message.conversation_id).in_([row.id for row in rows]),
            col(Message.folded).contains(fold(query), autoescape=True),
        )
        .group_by(col(Message.conversation_id))
    )
    found = session.exec(select(Message).where(col(Message.seq).in_(newest)))
    return {each.conversation_id: passage(each.content, query) for each in found}


def update(
    session: Session,
    conversation: Conversation,
    title: str | None = None,
    training: bool | None = None,
    pinned: bool | None = None,
) -> Conversation:
    """Rename it, pin it, or change whether it and its copies may be trained on."""
    if title is not None:
        line = single_line(title)
        if not 1 <= len(line) <= TITLE_LIMIT:
            raise Invalid(f"A title must have 1 to {TITLE_LIMIT} characters.", "title")
        conversation.title = line
    if training is not None:
        for each in (conversation, *_copies(session, conversation)):
            each.training = training
            session.add(each)
    if pinned is not None:
        conversation.pinned_at = time.time() if pinned else None
    session.add(conversation)
    return conversation


def claim(session: Session, conversation: Conversation, team_id: str) -> None:
    """Give a chat, with its copies for labelers, to a team, unless it belongs to one."""
    if conversation.team_id is None:
        for each in (conversation, *_copies(session, conversation)):
            each.team_id = team_id
            session.add(each)


def erase(session: Session, conversation: Conversation, actor: str) -> None:
    """Delete the conversation with all that hangs from it; only a trace is kept."""
    audit.record(session, actor, "conversation.erase", conversation.id)
    delete(session, [conversation.id])


def delete(session: Session, conversation_ids: Sequence[str]) -> None:
    """Delete conversations with their copies and messages, however deep their trees are.

    The messages are taken apart first: SQLite follows a chain of a thousand at most.
    """
    copies = select(Conversation.id).where(col(Conversation.origin_id).in_(conversation_ids))
    ids = [*conversation_ids, *session.exec(copies)]
    said = col(Message.conversation_id).in_(ids)
    session.execute(sqlalchemy.update(Message).where(said).values(parent_id=None))
    session.execute(sqlalchemy.delete(Message).where(said))
    session.execute(sqlalchemy.delete(Conversation).where(col(Conversation.id).in_(ids)))


def append(
    session: Session,
    conversation: Conversation,
    parent_id: str | None,
    role: str,
    content: str,
    **response: Any,
) -> Message:
    """Add a message below its parent; ``response`` holds what only an answer (or a tool) has."""
    message = Message(
        conversation_id=conversation.id, parent_id=parent_id, role=role, content=content, **response
    )
    session.add(message)
    conversation.updated_at, conversation.seq = time.time(), 0
    if not conversation.title and role == "user":
        conversation.title = _title(content)
    session.add(conversation)
    session.flush()
    return message


def messages(session: Session, conversation_id: str) -> list[Message]:
    """The whole tree in order of writing; the choices of a completion by their numbers."""
    statement = select(Message).where(Message.conversation_id == conversation_id)
    rows = list(session.exec(statement.order_by(col(Message.seq))))
    began: dict[str, int] = {}
    for row in rows:
        began.setdefault(row.completion_id or row.id, row.seq)
    return sorted(rows, key=lambda row: (began[row.completion_id or row.id], row.choice or 0))


def path_to(tree: Sequence[Message], message_id: str | None) -> list[Message]:
    """The messages from the root down to ``message_id``: the history of a turn below it."""
    by_id = {message.id: message for message in tree}
    path: list[Message] = []
    while message_id is not None:
        if message_id not in by_id:
            raise NotFound(f"Message {message_id!r} not found in this conversation.", "parent_id")
        path.append(by_id[message_id])
        message_id = by_id[message_id].parent_id
    return path[::-1]


def completion(session: Session, completion_id: str) -> list[Message]:
    """The choices of a completion, in order."""
    statement = select(Message).where(Message.completion_id == completion_id)
    return list(session.exec(statement.order_by(col(Message.choice))))


def _copies(session: Session, conversation: Conversation) -> list[Conversation]:
    """What was copied from it for labelers."""
    statement = select(Conversation).where(Conversation.origin_id == conversation.id)
    return list(session.exec(statement))


def _mentions(query: str) -> Any:
    """The words are in the title or in a message; only the owner's messages are read."""
    words = fold(query)
    said = exists().where(
        col(Message.conversation_id) == Conversation.id,
        col(Message.folded).contains(words, autoescape=True),
    )
    return or_(col(Conversation.folded).contains(words, autoescape=True), said)


def _title(content: str) -> str:
    line = single_line(content[:_TITLE_SOURCE])
    return line if len(line) <= TITLE_CHARS else line[: TITLE_CHARS - 1].rstrip() + "…"
