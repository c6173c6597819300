"""Hugging Face chat-ui's conversations: {"messages": [{"id", "from", "content", "score": 1 | -1,
"ancestors": [id]}], "preprompt"}; older ones have no ancestors, each message follows the last."""

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


def recognise(row: dict[str, Any]) -> bool:
    """Whether a row looks like this format."""
    messages = row.get("messages")
    return bool(messages) and is_list_of_objects(messages) and "from" in row["messages"][0]


@of_a_product
def read(row: dict[str, Any]) -> Judged:
    """What the scores in a conversation teach."""
    messages = row.get("messages")
    if not isinstance(messages, list) or not is_list_of_objects(messages):
        raise Invalid("messages is not a list of objects.")
    nodes: list[ChatNode] = []
    for each in messages:
        nodes.append(_node(each, nodes[-1].id if nodes else None))
    empty = {node.id for node in nodes if node.role == "system" and not node.text.strip()}
    return judged(node for node in nodes if node.id not in empty)


def _node(each: Mapping[str, Any], before: str | None) -> ChatNode:
    ancestors = each.get("ancestors")
    parent = (
        (words(ancestors[-1]) if ancestors else None) if isinstance(ancestors, list) else before
    )
    text = text_of(each.get("content"))
    problem = NO_TEXT if text is None or each.get("files") else ""
    if each.get("interrupted"):
        problem = problem or BROKE_OFF
    return ChatNode(
        words(each.get("id")), parent, words(each.get("from")), text or "",
        thumb_of(each.get("score")), "", problem,
    )  # fmt: skip
