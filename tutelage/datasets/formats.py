"""The formats: what a row of each looks like, and how an unnamed one is recognised.

A format reads a row into examples and writes an example as rows; either raises Invalid, with the
reason as a sentence, for what it cannot hold. Chats of other products are only read, and give the
reason in the place of each judgement that cannot be used.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tutelage.datasets import hh, messages, oasst, preference, ultrafeedback, verl
from tutelage.datasets.chats import chat_ui, chatgpt, librechat, open_webui
from tutelage.datasets.example import Example
from tutelage.errors import Invalid

Row = dict[str, Any]


@dataclass(frozen=True)
class Format:
    """One way in which data sets are written, a JSON object a row."""

    holds: str  # what people are told
    recognise: Callable[[Row], bool]
    read: Callable[[Row], Sequence[Example | Invalid]]
    write: Callable[[Example], list[Row]]


def _unwritten(_example: Example) -> list[Row]:
    raise Invalid("This format is only imported. Export as openai, trl or oasst.", "format")


FORMATS = {
    "chatgpt": Format("rated chats of ChatGPT", chatgpt.recognise, chatgpt.read, _unwritten),
    "open-webui": Format(
        "rated chats or feedback of open-webui", open_webui.recognise, open_webui.read, _unwritten
    ),
    "librechat": Format(
        "rated chats of LibreChat", librechat.recognise, librechat.read, _unwritten
    ),
    "chat-ui": Format("rated chats of chat-ui", chat_ui.recognise, chat_ui.read, _unwritten),
    "openai": Format(
        "demonstrations: {messages}", messages.recognise, messages.read, messages.write
    ),
    "oasst": Format(
        "trees of ranked replies: {prompt: {text, role, replies}}",
        oasst.recognise, oasst.read, oasst.write,
    ),
    "ultrafeedback": Format(
        "scored answers: {instruction, completions}",
        ultrafeedback.recognise, ultrafeedback.read, ultrafeedback.write,
    ),
    "hh-rlhf": Format("pairs: {chosen, rejected} as transcripts", hh.recognise, hh.read, hh.write),
    "trl": Format(
        "pairs: {prompt, chosen, rejected}",
        preference.recognise, preference.read, preference.write,
    ),
    "verl": Format("prompts for verl, only exported", verl.recognise, verl.read, verl.write),
}  # fmt: skip


def named(name: str) -> Format:
    """The format of that name; Invalid when there is none."""
    if name not in FORMATS:
        raise Invalid(f"Unknown format {name!r}. Choose one of {', '.join(FORMATS)}.", "format")
    return FORMATS[name]


def recognised(row: object) -> str:
    """The name of the format of this row. Raises Invalid when it looks like none."""
    if isinstance(row, dict):
        for name, each in FORMATS.items():
            if each.recognise(row):
                return name
    raise Invalid(f"Format not recognised. Choose one of {', '.join(FORMATS)}.", "format")
