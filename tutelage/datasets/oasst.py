"""OpenAssistant's trees (Köpf et al. 2023): replies to replies, those to a prompt with a rank.

{"message_tree_id", "prompt": {"text", "role": "prompter", "replies": [{"text", "role":
"assistant", "rank": 0, "replies": […]}]}}. Rank 0 is the best.
"""

import hashlib
from collections.abc import Iterator
from typing import Any

from tutelage.datasets.example import Example, demonstration, ranking, turn
from tutelage.errors import Invalid
from tutelage.feedback.preference_data import Dialogue

_ROLES = {"prompter": "user", "assistant": "assistant"}
_NAMES = {role: name for name, role in _ROLES.items()}


def recognise(row: dict[str, Any]) -> bool:
    """Whether a row looks like this format."""
    return isinstance(row.get("prompt"), dict) and "text" in row["prompt"]


def read(row: dict[str, Any]) -> list[Example]:
    """A ranking wherever replies are ranked, and the best dialogues as demonstrations."""
    root = row.get("prompt")
    if not isinstance(root, dict):
        raise Invalid("The tree has no prompt.")
    return list(_below(root, [], best=True))


def write(example: Example) -> list[dict[str, Any]]:
    """One tree: the prompt as a chain of messages, the answers as its last replies."""
    if any(each["role"] == "system" for each in example.prompt):
        raise Invalid("This format cannot represent system messages.")
    replies = [
        _node("assistant", text, [], rank)
        for text, rank in zip(example.responses, example.ranks, strict=True)
    ]
    for each in reversed(example.prompt):
        replies = [_node(each["role"], each["content"], replies, 0)]
    (root,) = replies
    return [{"message_tree_id": root["message_id"], "prompt": root}]


def _below(node: dict[str, Any], before: Dialogue, best: bool) -> Iterator[Example]:
    """What a message and the replies to it teach; ``best`` while no better reply was passed by."""
    path = [*before, _turn(node)]
    replies = _kept(node)
    if node.get("role") == "prompter" and _are_ranked(replies):
        texts = [each["text"] for each in replies]
        yield ranking(path, texts, [-float(each["rank"]) for each in replies])
    if not replies and best and path[-1]["role"] == "assistant":
        yield demonstration(path[:-1], path[-1]["content"])
    top = min((_rank(each) for each in replies), default=0.0)
    for each in replies:
        first = each.get("role") == "prompter" or _rank(each) == top
        yield from _below(each, path, best and first)


def _turn(node: dict[str, Any]) -> dict[str, str]:
    role = node.get("role")
    if not isinstance(role, str) or role not in _ROLES:
        raise Invalid(f"The role {role!r} is not prompter or assistant.")
    return turn(_ROLES[role], node.get("text"))


def _kept(node: dict[str, Any]) -> list[dict[str, Any]]:
    """Replies that were neither deleted nor judged to be no reply."""
    replies = node.get("replies") or []
    if not isinstance(replies, list) or not all(isinstance(each, dict) for each in replies):
        raise Invalid("replies is not a list of messages.")
    return [each for each in replies if not each.get("deleted") and each.get("text")]


def _are_ranked(replies: list[dict[str, Any]]) -> bool:
    ranked = all(isinstance(each.get("rank"), int | float) for each in replies)
    return ranked and len({_rank(each) for each in replies}) > 1


def _rank(node: dict[str, Any]) -> float:
    rank = node.get("rank")
    return float(rank) if isinstance(rank, int | float) else 0.0


def _node(role: str, text: str, replies: list[Any], rank: int) -> dict[str, Any]:
    said = repr((role, text, [each["message_id"] for each in replies]))
    name = hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    node = {"message_id": name, "role": _NAMES[role], "text": text, "replies": replies}
    return node | {"rank": rank} if role == "assistant" else node
