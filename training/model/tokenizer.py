"""From messages to token ids and back, always through the policy's own chat template."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from transformers import AutoTokenizer, GenerationConfig

from tutelage.errors import Invalid

Message = dict[str, str]  # {"role": "system" | "user" | "assistant", "content": text}


@dataclass(frozen=True)
class Dialogue:
    """Token ids, and which of them a policy would have had to write itself."""

    ids: list[int]
    written: list[bool]  # true at the assistant's tokens and the EOS that ends each turn


class ChatTokenizer:
    """A policy directory's tokenizer, chat template and end-of-sequence tokens."""

    def __init__(self, policy_dir: Path) -> None:
        self.tokenizer: Any = AutoTokenizer.from_pretrained(policy_dir, local_files_only=True)
        self.eos_ids = _eos_ids(policy_dir, self.tokenizer.eos_token_id)

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """Ids of the conversation so far, up to where the assistant begins to write."""
        return self._encode(self._render(messages, generation=True))

    def response(self, text: str) -> list[int]:
        """Ids of a response's text, without the EOS that may end it; markers in it stay text."""
        encoded = self.tokenizer(text, add_special_tokens=False, split_special_tokens=True)
        return cast(list[int], encoded["input_ids"])

    def text(self, ids: Sequence[int]) -> str:
        """The text of a response; EOS and other special tokens are left out."""
        return cast(str, self.tokenizer.decode(ids, skip_special_tokens=True))

    def dialogue(self, messages: Sequence[Message]) -> Dialogue:
        """Ids of a whole conversation; every assistant turn and its EOS is marked as written.

        What the template puts behind the EOS (a line break, say) is not marked: no policy is
        ever asked to write it.
        """
        ids: list[int] = []
        written: list[bool] = []
        done = 0
        text = self._render(messages)
        for i, message in enumerate(messages):
            if message["role"] != "assistant":
                continue
            start = len(self._render(messages[:i], generation=True))
            end = text.index(self.tokenizer.eos_token, start) + len(self.tokenizer.eos_token)
            for part, mark in ((text[done:start], False), (text[start:end], True)):
                piece = self._encode(part)
                ids += piece
                written += [mark] * len(piece)
            done = end
        return Dialogue(ids, written)

    def recent(self, messages: Sequence[Message], max_tokens: int) -> Dialogue | None:
        """The dialogue, without its oldest turns if it is too long; None if its last turn is."""
        opening = [m for m in messages[:1] if m["role"] == "system"]
        rest = list(messages[len(opening) :])
        while any(m["role"] == "assistant" for m in rest):
            if rest[0]["role"] == "user":
                dialogue = self.dialogue(opening + rest)
                if len(dialogue.ids) <= max_tokens:
                    return dialogue
            rest = rest[1:]
        return None

    def _encode(self, text: str) -> list[int]:
        return cast(list[int], self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _render(self, messages: Sequence[Message], generation: bool = False) -> str:
        if not messages:
            raise Invalid("A conversation must begin with a user or system message.", "messages")
        return cast(
            str,
            self.tokenizer.apply_chat_template(
                list(messages), tokenize=False, add_generation_prompt=generation
            ),
        )


def _eos_ids(policy_dir: Path, own: int) -> frozenset[int]:
    try:
        config = GenerationConfig.from_pretrained(policy_dir, local_files_only=True)
    except OSError:
        return frozenset({own})
    ids = config.eos_token_id
    return frozenset({own, *(ids if isinstance(ids, list) else [] if ids is None else [ids])})
