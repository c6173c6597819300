"""From messages to token ids and back, always through the policy's own chat template."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from jinja2 import TemplateError
from transformers import AutoTokenizer, GenerationConfig

from tutelage.errors import Invalid
from tutelage.policies.chat_format import ChatFormat

Message = dict[str, str]  # {"role": "system" | "user" | "assistant", "content": text}


@dataclass(frozen=True)
class Dialogue:
    """Token ids, and which of them a policy would have had to write itself."""

    ids: list[int]
    written: list[bool]  # true at the assistant's tokens and the EOS that ends each turn


class ChatTokenizer:
    """A policy directory's tokenizer, chat template and end-of-sequence tokens.

    Raises: Unavailable: the chat template does not say where an assistant's turn ends.
    """

    def __init__(self, policy_dir: Path) -> None:
        self.tokenizer: Any = AutoTokenizer.from_pretrained(policy_dir, local_files_only=True)
        self.format = ChatFormat(self.tokenizer)
        self.turn_end = self.format.turn_end()
        self.turn_end_id = int(self.tokenizer.convert_tokens_to_ids(self.turn_end))
        self.eos_ids = _eos_ids(policy_dir, self.tokenizer.eos_token_id) | {self.turn_end_id}

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """Ids of the conversation so far, up to where the assistant begins to write."""
        return self.format.encode(self._render(messages, generation=True))

    def response(self, text: str) -> list[int]:
        """Ids of a response's text, without the EOS that may end it; markers in it stay text."""
        encoded = self.tokenizer(text, add_special_tokens=False, split_special_tokens=True)
        return cast(list[int], encoded["input_ids"])

    def text(self, ids: Sequence[int]) -> str:
        """The text of a response; EOS and other special tokens are left out."""
        return cast(str, self.tokenizer.decode(ids, skip_special_tokens=True))

    def dialogue(self, messages: Sequence[Message]) -> Dialogue:
        """Ids of a whole conversation; every assistant turn and its EOS is marked as written.

        A turn is marked only where the conversation up to it is what the policy reads when it is
        asked for that turn. Some templates rewrite earlier turns (they drop what was thought);
        then only the last turn is marked, behind the prompt that serving gives.

        What the template puts behind the EOS (a line break, say) is not marked: no policy is
        ever asked to write it.
        """
        last = max(i for i, message in enumerate(messages) if message["role"] == "assistant")
        prompt = self._render(messages[:last], generation=True)
        text = self._render(messages)
        if not self._continues(text, prompt, messages[last]):
            text = f"{prompt}{self.format.guard(messages[last]['content'])}{self.turn_end}"
        ids: list[int] = []
        written: list[bool] = []
        done = 0
        for i, message in enumerate(messages):
            if message["role"] != "assistant":
                continue
            before = self._render(messages[:i], generation=True)
            if not self._continues(text, before, message):
                continue
            start, end = len(before), self._end_of(text, before, message)
            context = self.format.encode(text[done:start])
            turn = [*self.response(self.format.readable(text[start:end])), self.turn_end_id]
            ids += context + turn
            written += [False] * len(context) + [True] * len(turn)
            done = text.index(self.turn_end, end) + len(self.turn_end)
        rest = self.format.encode(text[done:])
        return Dialogue(ids + rest, written + [False] * len(rest))

    def _continues(self, text: str, prompt: str, message: Message) -> bool:
        """Whether, behind a prompt, a text goes on with a response and the end of its turn."""
        if not text.startswith(prompt):
            return False
        behind = text[len(prompt) :].lstrip()
        content = self.format.guard(message["content"]).strip()
        return behind.startswith(content) and (
            behind[len(content) :].lstrip().startswith(self.turn_end)
        )

    def _end_of(self, text: str, prompt: str, message: Message) -> int:
        """Where a response ends in the text: before the end of its turn."""
        start = len(prompt) + len(text[len(prompt) :]) - len(text[len(prompt) :].lstrip())
        content = self.format.guard(message["content"]).strip()
        return text.index(self.turn_end, start + len(content))

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

    def _render(self, messages: Sequence[Message], generation: bool = False) -> str:
        if not messages:
            raise Invalid("A conversation must begin with a user or system message.", "messages")
        try:
            return self.format.render(messages, generation)
        except TemplateError as error:
            raise Invalid(
                f"The policy's chat template refuses these messages: {error}.", "messages"
            ) from error


def _eos_ids(policy_dir: Path, own: int | None) -> frozenset[int]:
    found = set() if own is None else {own}
    try:
        config = GenerationConfig.from_pretrained(policy_dir, local_files_only=True)
    except OSError:
        return frozenset(found)
    ids = config.eos_token_id
    return frozenset({*found, *(ids if isinstance(ids, list) else [] if ids is None else [ids])})
