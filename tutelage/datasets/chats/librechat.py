"""LibreChat's export of a conversation: {"conversationId", "messages": [{"messageId",
"parentMessageId", "isCreatedByUser", "text" or "content", "feedback": {"rating", "text"},
"children": [message]}]}, the children nested or all messages in one list."""

from collections.abc import Iterator, Mapping
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
    return "conversationId" in row and "messages" in row


@of_a_product
def read(row: dict[str, Any]) -> Judged:
    """What the thumbs in a conversation teach."""
    options = row.get("options")
    system = words(options.get("promptPrefix")) if isinstance(options, dict) else ""
    nodes = list(_below(row.get("messages"), "system" if system else None))
    return judged([ChatNode("system", None, "system", system), *nodes] if system else nodes)


def _below(messages: object, parent: str | None) -> Iterator[ChatNode]:
    if not isinstance(messages, list) or not is_list_of_objects(messages):
        raise Invalid("messages is not a list of objects.")
    known = {each.get("messageId") for each in messages}
    for each in messages:
        named = each.get("parentMessageId")
        node = _node(each, named if named in known else parent)
        yield node
        yield from _below(each.get("children") or [], node.id)


def _node(each: Mapping[str, Any], parent: str | None) -> ChatNode:
    given = each.get("feedback")
    given = given if isinstance(given, dict) else {}
    text = each.get("text") or text_of(each.get("content") or "")
    problem = NO_TEXT if not isinstance(text, str) or each.get("files") else ""
    if each.get("unfinished") or each.get("error"):
        problem = problem or BROKE_OFF
    role = "user" if each.get("isCreatedByUser") else "assistant"
    return ChatNode(
        words(each.get("messageId")), parent, role, words(text),
         thumb_of(given.get("rating")), words(given.get("text")), problem,
    )  # fmt: skip
