"""A policy's tokenizer and chat template."""

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerFast

from server.generators.generator import Messages, prefix_of, raw_text
from tutelage.errors import Invalid, Unavailable
from tutelage.policies.chat_format import ChatFormat

if TYPE_CHECKING:
    from llguidance import LLTokenizer


class ChatTemplate:
    """Messages to text to token ids, and back. ``end_ids`` are the tokens that end a response."""

    def __init__(self, path: Path) -> None:
        """Of a policy directory; raises Unavailable where it has no chat template."""
        self.tokenizer = PreTrainedTokenizerFast.from_pretrained(path, local_files_only=True)
        if not self.tokenizer.chat_template:
            raise Unavailable("it has no chat template")
        self.format = ChatFormat(self.tokenizer)
        self.end_ids = _end_ids(path, self.tokenizer)

    def read(self, messages: Messages) -> tuple[str, list[int]]:
        """A conversation up to where the assistant writes on, as text and as token ids.

        Raises Invalid when the chat template refuses it or a text is not valid Unicode.
        """
        try:
            rendered = self._rendered(messages)
            text = self.format.readable(rendered)
            text.encode()
        except (TemplateError, ValueError) as error:
            problem = f"This policy cannot read these messages: {error}."
            raise Invalid(problem, "messages") from error
        return text, self.format.encode(rendered)

    def _rendered(self, messages: Messages) -> str:
        if (text := raw_text(messages)) is not None:
            return self._beginning + self.format.guard(text)
        prefix = prefix_of(messages)
        asked = messages[:-1] if prefix else messages
        return self.format.render(asked, generation=True) + self.format.guard(prefix)

    @property
    def _beginning(self) -> str:
        """The token with which this tokenizer begins every text, if it has one."""
        first: list[int] = self.tokenizer("")["input_ids"][:1]
        begins = first == [self.tokenizer.bos_token_id]
        return str(self.tokenizer.bos_token) if begins else ""

    def decode(self, tokens: Sequence[int]) -> str:
        """Text of tokens, without the special ones, exactly as generated."""
        return cast(
            str,
            self.tokenizer.decode(
                tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False
            ),
        )

    def raw(self, token_id: int) -> bytes:
        """The bytes of one token, which may be a part of a character."""
        return bytes(self.constrainable.decode_bytes([token_id]))

    @cached_property
    def constrainable(self) -> "LLTokenizer":
        """The tokenizer as grammars need it."""
        from llguidance.hf import from_tokenizer

        return from_tokenizer(self.tokenizer, eos_token=sorted(self.end_ids))


def _end_ids(path: Path, tokenizer: PreTrainedTokenizerFast) -> frozenset[int]:
    stored = [_read(path / name) for name in ("generation_config.json", "config.json")]
    configured = stored[0].get("eos_token_id") or stored[1].get("eos_token_id")
    ids = configured if isinstance(configured, list) else [configured]
    return frozenset(end for end in [*ids, tokenizer.eos_token_id] if end is not None)


def _read(file: Path) -> dict[str, int | list[int]]:
    found: dict[str, int | list[int]] = (
        json.loads(file.read_text("utf-8")) if file.is_file() else {}
    )
    return found
