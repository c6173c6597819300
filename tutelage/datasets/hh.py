"""Anthropic's hh-rlhf (Bai et al. 2022): two transcripts that differ in their last answer.

{"chosen": "\\n\\nHuman: …\\n\\nAssistant: …", "rejected": …}
"""

import re
from typing import Any

from tutelage.datasets.example import Example, answered, ranking, turn
from tutelage.errors import Invalid
from tutelage.feedback.preference_data import Dialogue

_SPEAKERS = {"Human": "user", "Assistant": "assistant"}
_NAMES = {role: name for name, role in _SPEAKERS.items()}
_TURN = re.compile(r"(?:^|\n\n)(Human|Assistant):")


def recognise(row: dict[str, Any]) -> bool:
    """Whether a row looks like this format."""
    chosen = row.get("chosen")
    return "prompt" not in row and isinstance(chosen, str) and "Human:" in chosen


def read(row: dict[str, Any]) -> list[Example]:
    """One comparison of two answers."""
    (prompt, chosen), (other, rejected) = (
        answered(_dialogue(row.get(side))) for side in ("chosen", "rejected")
    )
    if prompt != other:
        raise Invalid("The two dialogues differ before the last response.")
    return [ranking(prompt, (chosen, rejected), (1, 0))]


def write(example: Example) -> list[dict[str, Any]]:
    """A row for every better answer with every worse one."""
    if not example.is_ranking:
        raise Invalid("This format cannot represent demonstrations.")
    return [
        {"chosen": _transcript(example.prompt, better), "rejected": _transcript(example.prompt, b)}
        for better, b in example.pairs()
    ]


def _dialogue(transcript: object) -> Dialogue:
    if not isinstance(transcript, str):
        raise Invalid("A transcript is not a string.")
    parts = _TURN.split(transcript)
    if parts[0].strip():
        raise Invalid("The transcript does not begin with a speaker tag.")
    return [
        turn(_SPEAKERS[name], text.removeprefix(" "))
        for name, text in zip(parts[1::2], parts[2::2], strict=True)
    ]


def _transcript(prompt: Dialogue, response: str) -> str:
    said = [*prompt, {"role": "assistant", "content": response}]
    if any(each["role"] not in _NAMES for each in said):
        raise Invalid("This format cannot represent system messages.")
    if any(_TURN.search(each["content"]) for each in said):
        raise Invalid("A message contains a speaker tag of this format.")
    return "".join(f"\n\n{_NAMES[each['role']]}: {each['content']}" for each in said)
