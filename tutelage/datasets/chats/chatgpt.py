"""ChatGPT's export: conversations.json, with message_feedback.json of the same archive.

A row is a conversation, {"conversation_id", "mapping": {id: {"parent", "message": {"author":
{"role"}, "content": {"content_type", "parts"}}}}}. Reading an archive adds its thumbs as
``message_feedback``: [{"id" or "message_id", "rating", "text" or "content"}].
"""

import json
from collections.abc import Mapping
from typing import Any

from tutelage.datasets.chats.tree import (
    BROKE_OFF,
    NO_TEXT,
    ChatNode,
    Judged,
    is_list_of_objects,
    judged,
    of_a_product,
    text_of,
    thumb_of,
    words,
)
from tutelage.errors import Invalid

FEEDBACK = "message_feedback"


def recognise(row: dict[str, Any]) -> bool:
    """Whether a row looks like this format."""
    return isinstance(row.get("mapping"), dict)


@of_a_product
def read(row: dict[str, Any]) -> Judged:
    """What the thumbs in a conversation teach."""
    mapping, given = row.get("mapping"), row.get(FEEDBACK) or []
    if not isinstance(mapping, dict) or not all(isinstance(e, dict) for e in mapping.values()):
        raise Invalid("mapping is not an object of messages.")
    if not is_list_of_objects(given):
        raise Invalid("message_feedback is not a list of objects.")
    thumbs = {each.get("message_id") or each.get("id"): each for each in given}
    if not thumbs.keys() <= mapping.keys():
        raise Invalid("The rated message is not in the chat.")
    nodes = [_node(name, each, thumbs.get(name, {})) for name, each in mapping.items()]
    return judged(_without_hidden(nodes))


def _node(name: str, each: Mapping[str, Any], given: Mapping[str, Any]) -> ChatNode:
    message = each.get("message") or {}
    content = message.get("content") or {}
    text = text_of(content.get("parts")) if content.get("content_type") == "text" else None
    role = words((message.get("author") or {}).get("role"))
    whole = message.get("status") != "in_progress"
    hidden = not message or role == "system"
    problem = NO_TEXT if text is None or role == "tool" else "" if whole else BROKE_OFF
    return ChatNode(
        name, each.get("parent"), "" if hidden else role, text or "",
        thumb_of(given.get("rating")), _comment(given), "" if hidden else problem,
    )  # fmt: skip


def _without_hidden(nodes: list[ChatNode]) -> list[ChatNode]:
    """The root and ChatGPT's own system messages go: their children move up."""
    hidden = {node.id: node.parent for node in nodes if not node.role}

    def shown(parent: str | None) -> str | None:
        for _ in range(len(hidden) + 1):
            if parent not in hidden:
                break
            parent = hidden[parent]
        return parent

    return [ChatNode(**{**vars(node), "parent": shown(node.parent)}) for node in nodes if node.role]


def _comment(given: Mapping[str, Any]) -> str:
    """The words of a thumb, in either of the two places where exports have them."""
    try:
        inner = json.loads(given.get("content") or "{}")
    except (TypeError, ValueError):
        inner = {}
    return words(given.get("text")) or words(inner.get("text") if isinstance(inner, dict) else "")
