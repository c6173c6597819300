"""TRL's preference format: {"prompt", "chosen", "rejected"}, as texts or as lists of messages.

The prompt may also be implicit: then both dialogues hold it and differ in their last answer.
"""

from typing import Any

from tutelage.datasets.example import Example, answered, dialogue, ranking, turn
from tutelage.errors import Invalid
from tutelage.feedback.preference_data import Dialogue


def recognise(row: dict[str, Any]) -> bool:
    """Whether a row looks like this format."""
    return "chosen" in row and "rejected" in row


def read(row: dict[str, Any]) -> list[Example]:
    """One comparison of two answers."""
    before = _prompt(row.get("prompt"))
    (prompt, chosen), (other, rejected) = (
        answered(before + _answer(row.get(side))) for side in ("chosen", "rejected")
    )
    if prompt != other:
        raise Invalid("The two dialogues differ before the last response.")
    if not prompt:
        raise Invalid("The prompt is missing.")
    return [ranking(prompt, (chosen, rejected), (1, 0))]


def write(example: Example) -> list[dict[str, Any]]:
    """A row for every better answer with every worse one."""
    if not example.is_ranking:
        raise Invalid("This format cannot represent demonstrations.")
    return [
        {"prompt": example.prompt, "chosen": _said(better), "rejected": _said(worse)}
        for better, worse in example.pairs()
    ]


def _prompt(said: object) -> Dialogue:
    if said is None:
        return []
    return [turn("user", said)] if isinstance(said, str) else dialogue(said)


def _answer(said: object) -> Dialogue:
    return [turn("assistant", said)] if isinstance(said, str) else dialogue(said)


def _said(text: str) -> Dialogue:
    return [{"role": "assistant", "content": text}]
