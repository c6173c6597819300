"""A policy's tokenizer and chat template."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerFast

from server.generators.generator import Messages, prefix_of
from tutelage.errors import Invalid, Unavailable
from tutelage.policies.chat_format import ChatFormat


class ChatTemplate:
    """Messages to text to token ids, and back."""

    def __init__(self, path: Path) -> None:
        """Of a policy directory; raises Unavailable where it has no chat template."""
        self.tokenizer = PreTrainedTokenizerFast.from_pretrained(path, local_files_only=True)
        if not self.tokenizer.chat_template:
            raise Unavailable("it has no chat template")
        self.format = ChatFormat(self.tokenizer)

    def read(self, messages: Messages) -> tuple[str, list[int]]:
        """A conversation up to where the assistant writes on, as text and as token ids.

        Raises Invalid when the chat template refuses it or a text is not valid Unicode.
        """
        try:
            prefix = prefix_of(messages)
            asked = messages[:-1] if prefix else messages
            rendered = self.format.render(asked, generation=True) + self.format.guard(prefix)
            text = self.format.readable(rendered)
            text.encode()
        except (TemplateError, ValueError) as error:
            problem = f"This policy cannot read these messages: {error}."
            raise Invalid(problem, "messages") from error
        return text, self.format.encode(rendered)

    def decode(self, tokens: Sequence[int]) -> str:
        """Text of tokens, without the special ones, exactly as generated."""
        return cast(
            str,
            self.tokenizer.decode(
                tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False
            ),
        )
