"""/v1/conversations: the user's conversations with their messages."""

from collections.abc import Iterable, Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from sqlmodel import Session, col, select

from server.chat import notices, taught
from server.dependencies import After, CallerDep, Limit, ServicesDep, StateDep
from server.openai.moderation import as_notice
from server.schemas.conversations import (
    ConversationChange,
    ConversationDetail,
    ConversationSummary,
    StoredMessage,
    TurnBegun,
)
from server.schemas.feedback import FeedbackItem
from server.schemas.openai.chat import ModerationNotice
from server.schemas.text import Deleted, Name, Page, columns
from tutelage.chat import conversations, running_turns
from tutelage.feedback import feedback
from tutelage.people import erasure
from tutelage.tables import Feedback, FeedbackKind, Message, ModerationRecord, RunningTurn

router = APIRouter(prefix="/v1/conversations", tags=["conversations"])


@router.get("")
def list_conversations(
    caller: CallerDep,
    services: ServicesDep,
    limit: Limit = 50,
    after: After = None,
    q: Annotated[Name, Query(description="Search text, in the title or a message.")] = "",
) -> Page[ConversationSummary]:
    """Your conversations, most recently used first."""
    with services.store.read() as session:
        rows = conversations.listed(session, caller.user.id, limit + 1, after, q)
        found = conversations.passages(session, rows[:limit], q) if q else {}
    data = [
        ConversationSummary.model_validate(row).model_copy(update={"passage": found.get(row.id)})
        for row in rows[:limit]
    ]
    return Page(data=data, has_more=len(rows) > limit)


@router.get("/{conversation_id}")
def get_conversation(
    conversation_id: Name, caller: CallerDep, services: ServicesDep
) -> ConversationDetail:
    """A conversation with its tree of messages, moderation notices and your feedback."""
    with services.store.read() as session:
        conversation = conversations.owned(session, conversation_id, caller.user.id)
        messages = conversations.messages(session, conversation_id)
        judged = feedback.of_conversation(session, conversation_id)
        notices_by_id = _notices(session, messages)
        running = running_turns.of_conversation(session, conversation_id)
    own = _by_message((row for row in judged if row.author_id == caller.user.id), messages)
    summary = ConversationSummary.model_validate(conversation).model_dump()
    stored = [
        StoredMessage(
            **columns(each, StoredMessage),
            moderation=notices_by_id.get(each.id),
            feedback=own.get(each.id, []),
        )
        for each in messages
    ]
    begun = [_begun(each) for each in running]
    turns = [each for each in begun if not {m.id for m in messages}.issuperset(each.message_ids)]
    return ConversationDetail(**summary, messages=stored, turns=turns)


@router.patch("/{conversation_id}")
def change_conversation(
    conversation_id: Name,
    body: ConversationChange,
    caller: CallerDep,
    services: ServicesDep,
    state: StateDep,
) -> ConversationSummary:
    """Rename or pin a conversation, or change whether it may be used for training."""
    taught.require_unblocked(services, state.metrics, body.title or "", "title")
    with services.store.write() as session:
        conversation = conversations.owned(session, conversation_id, caller.user.id)
        conversations.update(session, conversation, body.title, body.training, body.pinned)
    return ConversationSummary.model_validate(conversation)


@router.delete("/{conversation_id}")
def delete_conversation(conversation_id: Name, caller: CallerDep, services: ServicesDep) -> Deleted:
    """Erase a conversation with its messages and feedback. Trained policies are not retrained."""
    owner = caller.user.id
    erasure.erase_conversation(services.store, services.iterations, conversation_id, owner, owner)
    return Deleted(id=conversation_id)


def _begun(turn: RunningTurn) -> TurnBegun:
    ids = [response["id"] for response in turn.responses]
    return TurnBegun(**columns(turn, TurnBegun), message_ids=ids)


def _notices(session: Session, messages: Sequence[Message]) -> dict[str, ModerationNotice]:
    roles = {message.id: message.role for message in messages}
    if not roles:
        return {}
    statement = select(ModerationRecord).where(
        col(ModerationRecord.message_id).in_(
            select(Message.id).where(Message.conversation_id == messages[0].conversation_id)
        ),
        col(ModerationRecord.action).in_(("warn", "block")),
    )
    found = {}
    for record in session.exec(statement):
        side: notices.Side = "assistant" if roles.get(record.message_id) == "assistant" else "user"
        notice = as_notice(notices.notice(side, record.action, record.categories))
        if notice:
            found[record.message_id] = notice
    return found


def _by_message(
    rows: Iterable[Feedback], messages: Sequence[Message]
) -> dict[str, list[FeedbackItem]]:
    """Feedback by the message that it rates; a ranking with every message that it names."""
    found: dict[str, list[FeedbackItem]] = {message.id: [] for message in messages}
    for row in rows:
        groups = row.value["ranking"] if row.kind == FeedbackKind.RANKING else [[row.target]]
        for message_id in (each for group in groups for each in group):
            if message_id in found:
                found[message_id].append(FeedbackItem.model_validate(row))
    return found
