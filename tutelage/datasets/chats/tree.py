"""A chat of another product as a tree of messages, and what the judgements in it teach."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any

from tutelage.datasets.example import Example, ranking, thumb, turn
from tutelage.errors import Invalid
from tutelage.feedback.preference_data import Dialogue

UNRATED = "Nobody rated an answer of this chat."
BROKE_OFF = "The answer broke off."
NO_TEXT = "A message has images, files or tool calls."


Judged = list[Example | Invalid]  # what judgements teach, or why one of them cannot be used


def of_a_product(read: Callable[[dict[str, Any]], Judged]) -> Callable[[dict[str, Any]], Judged]:
    """A reader of rows whose format nobody specifies: one of other fields is told, not raised."""

    @wraps(read)
    def checked(row: dict[str, Any]) -> Judged:
        try:
            return read(row)
        except (AttributeError, KeyError, TypeError) as error:
            raise Invalid("The chat does not have the fields of this format.") from error

    return checked


@dataclass(frozen=True)
class ChatNode:
    """One message. ``parent`` is its place in the tree; unknown ones are roots."""

    id: str
    parent: str | None
    role: str
    text: str
    liked: bool | None = None  # the thumb on it
    comment: str = ""
    problem: str = ""  # why nothing is learned from its text


def judged(nodes: Iterable[ChatNode]) -> Judged:
    """Thumbs as they are, and a ranking where answers to one prompt got different thumbs."""
    by_id = {node.id: node for node in nodes}
    rated = defaultdict(list)
    for node in by_id.values():
        if node.liked is not None and node.role == "assistant":
            rated[node.parent].append(node)
    found: Judged = [Invalid(UNRATED)] if not rated else []
    for siblings in rated.values():
        if len({node.liked for node in siblings}) > 1:
            found += _tried(by_id, siblings, [float(bool(node.liked)) for node in siblings])
        else:
            for node in siblings:
                found += _tried(by_id, [node], [])
    return found


def voted(nodes: Iterable[ChatNode], chosen: str, others: Sequence[str], won: bool) -> Example:
    """An arena vote: ``chosen`` was better, or else worse, than the other answers."""
    by_id = {node.id: node for node in nodes}
    siblings = [_known(by_id, each) for each in (chosen, *others)]
    return _example(by_id, siblings, [float(won), *(float(not won) for _ in others)])


def is_list_of_objects(value: object) -> bool:
    """Whether a value of a file is a list of JSON objects."""
    return isinstance(value, list) and all(isinstance(each, dict) for each in value)


def thumb_of(rating: object) -> bool | None:
    """A thumb in any of the spellings of the products; None where there is none."""
    word = str(rating).lower().replace("_", "")
    return {"1": True, "thumbsup": True, "-1": False, "thumbsdown": False}.get(word)


def words(value: object) -> str:
    """A text of a file; what is not one is left out."""
    return value if isinstance(value, str) else ""


def _tried(
    by_id: Mapping[str, ChatNode], siblings: Sequence[ChatNode], worth: Sequence[float]
) -> Judged:
    try:
        return [_example(by_id, siblings, worth)]
    except Invalid as error:
        return [error]


def _example(
    by_id: Mapping[str, ChatNode], siblings: Sequence[ChatNode], worth: Sequence[float]
) -> Example:
    prompt = _path(by_id, siblings[0].parent)
    for node in siblings:
        if node.problem:
            raise Invalid(node.problem)
    if worth:
        return ranking(prompt, [node.text for node in siblings], worth)
    [node] = siblings
    return thumb(prompt, node.text, bool(node.liked), node.comment)


def _path(by_id: Mapping[str, ChatNode], last: str | None) -> Dialogue:
    path: list[ChatNode] = []
    while last is not None and last in by_id:
        if len(path) > len(by_id):
            raise Invalid("The messages of the chat follow each other in a circle.")
        path.append(by_id[last])
        last = path[-1].parent
    for node in path:
        if node.problem and node.problem != BROKE_OFF:  # a fragment may be part of a history
            raise Invalid(node.problem)
    return [turn(node.role, node.text) for node in reversed(path)]


def _known(by_id: Mapping[str, ChatNode], message_id: str) -> ChatNode:
    if message_id not in by_id:
        raise Invalid("The rated message is not in the chat.")
    return by_id[message_id]


def text_of(content: Any) -> str | None:
    """The text of a content: a string, or parts that are all texts; None for anything else."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    parts: list[Any] = [each.get("text") if isinstance(each, dict) else each for each in content]
    parts = [each.get("value") if isinstance(each, dict) else each for each in parts]
    return "".join(parts) if all(isinstance(each, str) for each in parts) else None
