"""Completions that their clients asked to store: listed, looked up, tagged, forgotten."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sqlmodel import Session, col, select

from tutelage.chat import conversations
from tutelage.errors import NotFound
from tutelage.tables import CompletionKind, Message, StoredCompletion


@dataclass(frozen=True)
class Wanted:
    """Which stored completions to list."""

    after: str | None = None
    limit: int = 20
    model: str | None = None
    tags: Mapping[str, str] | None = None
    order: Literal["asc", "desc"] = "asc"


def owned(
    session: Session, completion_id: str, owner_id: str, kind: CompletionKind
) -> StoredCompletion:
    """The completion, if it is this person's; else NotFound, whether it exists or not."""
    stored = session.get(StoredCompletion, completion_id)
    if stored is None or stored.owner_id != owner_id or stored.kind != kind:
        raise NotFound(f"No stored {kind} completion has the id {completion_id!r}.")
    return stored


def listed(session: Session, owner_id: str, wanted: Wanted) -> list[StoredCompletion]:
    """One's stored chat completions by age; ``after`` is the last id of the page before."""
    statement = select(StoredCompletion).where(
        StoredCompletion.owner_id == owner_id, StoredCompletion.kind == CompletionKind.CHAT
    )
    if wanted.model:
        statement = statement.where(StoredCompletion.policy_id == wanted.model)
    for name, value in (wanted.tags or {}).items():
        statement = statement.where(col(StoredCompletion.tags)[name].as_string() == value)
    age = col(StoredCompletion.seq)
    if wanted.after:
        last = owned(session, wanted.after, owner_id, CompletionKind.CHAT).seq
        older = age < last if wanted.order == "desc" else age > last
        statement = statement.where(older)
    ordered = statement.order_by(age.desc() if wanted.order == "desc" else age.asc())
    return list(session.exec(ordered.limit(wanted.limit)))


def prompt(session: Session, stored: StoredCompletion) -> list[Message]:
    """The messages that were answered, from the root of the conversation."""
    tree = conversations.messages(session, stored.conversation_id)
    return conversations.path_to(tree, stored.prompt_message_id)


def answers(session: Session, stored: StoredCompletion) -> list[Message]:
    """The choices, in order; those of a turn that is still being written are missing."""
    return conversations.completion(session, stored.id)
