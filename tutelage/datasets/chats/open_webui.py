"""open-webui's two exports: chats with their annotations, and the feedback of all users.

A chat is {"chat": {"history": {"messages": {id: {"parentId", "role", "content", "model",
"annotation": {"rating": 1 | -1, "comment"}}}}}}. A feedback is {"type": "rating", "data":
{"rating", "comment", "sibling_model_ids"}, "meta": {"message_id"}, "snapshot": {"chat": a chat}}.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tutelage.datasets.chats.tree import (
    BROKE_OFF,
    NO_TEXT,
    ChatNode,
    Judged,
    judged,
    of_a_product,
    text_of,
    thumb_of,
    voted,
    words,
)
from tutelage.errors import Invalid

_SYSTEM = "system"


def recognise(row: dict[str, Any]) -> bool:
    """Whether a row looks like this format."""
    return isinstance(row.get("chat"), dict) or _is_feedback(row)


@of_a_product
def read(row: dict[str, Any]) -> Judged:
    """What the ratings in a chat teach, or one feedback: a thumb or an arena vote."""
    if not _is_feedback(row):
        return judged(_nodes(row))
    data, meta = (row.get(name) or {} for name in ("data", "meta"))
    if not isinstance(data, dict) or not isinstance(meta, dict):
        raise Invalid("data or meta is not an object.")
    liked, rated = thumb_of(data.get("rating")), words(meta.get("message_id"))
    if liked is None:
        raise Invalid("The feedback has no rating of 1 or -1.")
    nodes = _nodes((row.get("snapshot") or {}).get("chat"))
    if not any(node.id == rated for node in nodes):
        raise Invalid("The rated message is not in the chat.")
    if others := _others(row, rated, data.get("sibling_model_ids")):
        return [voted(nodes, rated, others, liked)]
    comment = words(data.get("comment"))
    only = [
        replace(node, liked=liked, comment=comment) if node.id == rated
        else replace(node, liked=None)
        for node in nodes
    ]  # fmt: skip
    return judged(only)


def _is_feedback(row: Mapping[str, Any]) -> bool:
    return isinstance(row.get("snapshot"), dict) and "data" in row


def _messages(chat: object) -> dict[str, dict[str, Any]]:
    inner = chat.get("chat") if isinstance(chat, dict) else None
    history = inner.get("history") if isinstance(inner, dict) else None
    messages = history.get("messages") if isinstance(history, dict) else None
    if not isinstance(messages, dict) or not all(isinstance(m, dict) for m in messages.values()):
        raise Invalid("The chat has no history of messages.")
    return messages


def _nodes(chat: Any) -> list[ChatNode]:
    messages = _messages(chat)
    system = words((chat["chat"].get("params") or {}).get("system"))
    nodes = [_node(name, each, _SYSTEM if system else None) for name, each in messages.items()]
    return [ChatNode(_SYSTEM, None, "system", system), *nodes] if system else nodes


def _node(name: str, each: Mapping[str, Any], root: str | None) -> ChatNode:
    given = each.get("annotation")
    given = given if isinstance(given, dict) else {}
    text = text_of(each.get("content"))
    problem = NO_TEXT if text is None or each.get("files") else ""
    if each.get("error") or each.get("done") is False:
        problem = problem or BROKE_OFF
    return ChatNode(
        name, each.get("parentId") or root, words(each.get("role")), text or "",
        thumb_of(given.get("rating")), words(given.get("comment")), problem,
    )  # fmt: skip


def _others(row: Mapping[str, Any], rated: str, models: object) -> list[str]:
    """The answers of the models that the rated one was voted against."""
    messages = _messages(row["snapshot"].get("chat"))
    parent = messages[rated].get("parentId")
    wanted = models if isinstance(models, list) else []
    return [
        name for name, each in messages.items()
        if name != rated and each.get("parentId") == parent and each.get("model") in wanted
    ]  # fmt: skip
