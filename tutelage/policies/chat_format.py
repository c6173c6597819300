"""A tokenizer's chat template, used one way in serving and in training.

What people wrote never becomes a control token: before a template is rendered, strings that the
tokenizer would read as tokens of its own are replaced inside messages by placeholders, and the
placeholders are encoded as plain text afterwards.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tutelage.errors import Unavailable

ChatMessages = Sequence[Mapping[str, Any]]
_PLACEHOLDER = re.compile("\ue000([0-9]+)\ue001")
_PROBE = [{"role": "user", "content": "Ping"}, {"role": "assistant", "content": "Pong"}]


class ChatFormat:
    """Renders and encodes conversations with a fast tokenizer of transformers."""

    def __init__(self, tokenizer: Any) -> None:
        from tokenizers import Tokenizer

        self.tokenizer = tokenizer
        added = {str(token) for token in tokenizer.get_added_vocab()} - {""}
        self._controls = sorted(added, key=lambda text: (-len(text), text))
        self._number = {text: number for number, text in enumerate(self._controls)}
        self._pattern = re.compile("|".join(map(re.escape, self._controls)) or "(?!)")
        plain = json.loads(tokenizer.backend_tokenizer.to_str())
        self._plain = Tokenizer.from_str(json.dumps(plain | {"added_tokens": []}))

    def render(self, messages: ChatMessages, generation: bool = False) -> str:
        """The text of a conversation, with placeholders where people wrote control tokens.

        Args: generation: up to where the assistant begins to write.
        Raises: jinja2.TemplateError: the template refuses the messages.
        """
        text: str = self.tokenizer.apply_chat_template(
            [self.guarded(message) for message in messages],
            tokenize=False,
            add_generation_prompt=generation,
        )
        return text

    def guarded(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """A message whose texts hold placeholders where they held control tokens."""
        return {
            key: self.guard(value) if isinstance(value, str) and key != "role" else value
            for key, value in message.items()
        }

    def guard(self, text: str) -> str:
        """Text of people with placeholders for control tokens."""
        return self._pattern.sub(lambda found: f"\ue000{self._number[found[0]]}\ue001", text)

    def readable(self, text: str) -> str:
        """Rendered text with the placeholders' own words put back."""
        return _PLACEHOLDER.sub(lambda found: self._original(found), text)

    def encode(self, rendered: str) -> list[int]:
        """Token ids of rendered text; placeholders become plain text."""
        ids: list[int] = []
        done = 0
        for found in _PLACEHOLDER.finditer(rendered):
            ids += self._encode_part(rendered[done : found.start()])
            ids += self._plain.encode(self._original(found), add_special_tokens=False).ids
            done = found.end()
        return ids + self._encode_part(rendered[done:])

    def _encode_part(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"]) if text else []

    def _original(self, found: re.Match[str]) -> str:
        number = int(found[1])
        return self._controls[number] if number < len(self._controls) else found[0]

    def opening(self) -> str:
        """What the last turn has between the prompt and the assistant's words; most often empty.

        An empty thinking block (Qwen 3) or a channel (gpt-oss), which a policy that is asked for
        words alone would otherwise have to write first.
        """
        prompt = self.render(_PROBE[:1], generation=True)
        begun = self.render(_PROBE).rpartition("Pong")[0]
        opening = begun[len(prompt) :] if begun.startswith(prompt) else ""
        return opening if opening.strip() else ""

    def turn_end(self) -> str:
        """The control token with which the template ends an assistant's turn.

        Raises: Unavailable: none follows directly, so nothing would teach a policy to stop.
        """
        _, written, behind = self.render(_PROBE).rpartition("Pong")
        if not written:
            raise Unavailable("The chat template does not show what the assistant wrote.")
        behind = behind.lstrip()
        found = self._pattern.match(behind)
        if not found:
            raise Unavailable(
                "The chat template does not end the assistant's turn with a token of its own "
                f"(it goes on with {behind[:20]!r}), so a policy could not learn when to stop. "
                "Give the policy a chat template that does, such as ChatML."
            )
        return found[0]
