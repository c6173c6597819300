"""What people take with them: all their data, or one conversation, as JSON or Markdown."""

import json
from typing import Any

from sqlmodel import Session, SQLModel, col, select

from tutelage.chat import conversations
from tutelage.tables import (
    ApiKey,
    Assignment,
    Conversation,
    DailyUsage,
    Feedback,
    Identity,
    MailSubscription,
    Message,
    ModerationRecord,
    News,
    ShareLink,
    SystemPrompt,
    User,
)

_SPEAKERS = {"user": "You", "assistant": "Tutelage", "system": "System"}
_LEFT_OUT = {"password_hash", "sha256", "code_sha256", "folded"}


def everything_of(session: Session, user_id: str) -> dict[str, Any]:
    """All that is kept of a person, table by table, without hashes of secrets."""
    owned = select(Conversation).where(Conversation.owner_id == user_id)
    chats = list(session.exec(owned.order_by(col(Conversation.seq))))
    user = session.get(User, user_id)
    return {
        "user": _plain(user) if user else None,
        "api_keys": _rows(session, ApiKey, ApiKey.user_id == user_id),
        "identities": _rows(session, Identity, Identity.user_id == user_id),
        "usage": _rows(session, DailyUsage, DailyUsage.user_id == user_id),
        "conversations": [export(session, chat) for chat in chats],
        "feedback": _rows(session, Feedback, Feedback.author_id == user_id),
        "mail": _rows(session, MailSubscription, MailSubscription.user_id == user_id),
        "inbox": _rows(session, News, News.user_id == user_id),
        "system_prompts": _rows(session, SystemPrompt, SystemPrompt.owner_id == user_id),
        "labeling": _rows(session, Assignment, Assignment.labeler_id == user_id),
    }


def export(session: Session, conversation: Conversation) -> dict[str, Any]:
    """One conversation with its whole tree, what moderation said of it, and its links."""
    said = select(Message.id).where(Message.conversation_id == conversation.id)
    return _plain(conversation) | {
        "messages": [_plain(each) for each in conversations.messages(session, conversation.id)],
        "moderation": _rows(session, ModerationRecord, col(ModerationRecord.message_id).in_(said)),
        "shares": _rows(session, ShareLink, ShareLink.conversation_id == conversation.id),
    }


def as_json(content: dict[str, Any]) -> str:
    """Readable JSON."""
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def as_markdown(title: str, path: list[Message]) -> str:
    """One branch of a conversation, as people read it."""
    parts = [f"# {title or 'Conversation'}"]
    for message in path:
        policy = f" ({message.policy_id})" if message.policy_id else ""
        parts.append(
            f"**{_SPEAKERS.get(message.role, message.role)}**{policy}\n\n{message.content}"
        )
    return "\n\n".join(parts) + "\n"


def _rows(session: Session, table: type[SQLModel], where: Any) -> list[dict[str, Any]]:
    return [_plain(row) for row in session.exec(select(table).where(where))]


def _plain(row: SQLModel) -> dict[str, Any]:
    return row.model_dump(exclude=_LEFT_OUT, warnings=False)
