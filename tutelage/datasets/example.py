"""One example of a data set: a prompt with one answer (a demonstration, or one with a thumb) or
several in order."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import isfinite

from tutelage.errors import Invalid
from tutelage.feedback.preference_data import Dialogue

LONGEST = 32_000  # characters of a message
MOST_RESPONSES = 9  # as many as people may rank
_ROLES = ("system", "user", "assistant")


@dataclass(frozen=True)
class Example:
    """Answers to a prompt; ``ranks`` are their places: 0 the best, equal = tied."""

    prompt: Dialogue
    responses: tuple[str, ...]
    ranks: tuple[int, ...]
    liked: bool | None = None  # of one answer: the thumb on it; None: it is a demonstration
    comment: str = ""  # of the thumb
    row: int = field(default=0, compare=False)  # of its file, from 1

    @property
    def is_ranking(self) -> bool:
        """Whether it compares answers; else it shows or rates one."""
        return len(self.responses) > 1

    @property
    def is_demonstration(self) -> bool:
        """Whether it shows an answer."""
        return not self.is_ranking and self.liked is None

    @property
    def fingerprint(self) -> str:
        """Equal for examples that say the same."""
        judged = sorted(zip(self.responses, self.ranks, strict=True))
        thumbs = [] if self.liked is None else [self.liked]
        said = json.dumps([self.prompt, judged, *thumbs])
        return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()

    def pairs(self) -> list[tuple[str, str]]:
        """Every better answer with every worse one; ties make none."""
        placed = list(zip(self.responses, self.ranks, strict=True))
        return [(a, b) for a, better in placed for b, worse in placed if better < worse]


def demonstration(prompt: Dialogue, response: str) -> Example:
    """An example that shows one answer. Raises Invalid as ``ranking`` does."""
    return _checked(Example(prompt, (response,), (0,)))


def thumb(prompt: Dialogue, response: str, liked: bool, comment: str = "") -> Example:
    """An example that rates one answer. Raises Invalid as ``ranking`` does."""
    if comment.strip():
        _check_text(comment)
    return _checked(Example(prompt, (response,), (0,), liked, comment))


def ranking(prompt: Dialogue, responses: Sequence[str], worth: Sequence[float]) -> Example:
    """An example that compares; of higher ``worth`` is better, equal is tied.

    Raises Invalid for what could not be learned from: a sentence that says why.
    """
    if not all(map(isfinite, worth)):
        raise Invalid("A score or rank is not a finite number.")
    places = {each: place for place, each in enumerate(sorted(set(worth), reverse=True))}
    if len({text.strip() for text in responses}) < len(responses):
        raise Invalid("Two responses are identical.")
    if len(responses) < 2 or len(places) < 2:
        raise Invalid("No response is ranked above another.")
    if len(responses) > MOST_RESPONSES:
        raise Invalid(f"More than {MOST_RESPONSES} responses to one prompt.")
    return _checked(Example(prompt, tuple(responses), tuple(places[each] for each in worth)))


def turn(role: str, text: object) -> dict[str, str]:
    """One message of a dialogue, its spaces kept: they are the indentation of code.

    Raises Invalid for an unknown role and for content that is not text.
    """
    if role not in _ROLES:
        raise Invalid(f"The role {role!r} is not one of {', '.join(_ROLES)}.")
    if not isinstance(text, str):
        raise Invalid("The content of a message is not a string.")
    return {"role": role, "content": text}


def dialogue(messages: object) -> Dialogue:
    """Messages as OpenAI writes them: [{"role", "content"}, …]."""
    if not isinstance(messages, list) or not all(isinstance(each, dict) for each in messages):
        raise Invalid("messages is not a list of objects.")
    return [turn(str(each.get("role")), each.get("content")) for each in messages]


def answered(messages: Dialogue) -> tuple[Dialogue, str]:
    """A dialogue's prompt, and the answer that it ends with."""
    if not messages or messages[-1]["role"] != "assistant":
        raise Invalid("The dialogue does not end with an assistant message.")
    return messages[:-1], messages[-1]["content"]


def _checked(example: Example) -> Example:
    spoken = [each for each in example.prompt if each["role"] != "system"]
    if any(each["role"] == "system" for each in example.prompt[1:]):
        raise Invalid("A system message is not the first message.")
    if not spoken or spoken[-1]["role"] != "user":
        raise Invalid("The prompt does not end with a user message.")
    if spoken[0]["role"] != "user" or any(a["role"] == b["role"] for a, b in pairwise(spoken)):
        raise Invalid("User and assistant messages do not alternate.")
    for text in (*(each["content"] for each in example.prompt), *example.responses):
        _check_text(text)
    return example


def _check_text(text: str) -> None:
    if not text.strip():
        raise Invalid("A message is empty.")
    if len(text) > LONGEST:
        raise Invalid(f"A message is longer than {LONGEST} characters.")
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise Invalid("A message contains NUL or surrogate characters.")
