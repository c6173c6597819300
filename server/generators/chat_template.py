"""A policy's tokenizer and chat template."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerFast

from server.generators.generator import Messages
from tutelage.errors import Invalid, Unavailable


class ChatTemplate:
    """Messages to text to token ids, and back."""

    def __init__(self, path: Path) -> None:
        """Of a policy directory; raises Unavailable where it has no chat template."""
        self.tokenizer = PreTrainedTokenizerFast.from_pretrained(path, local_files_only=True)
        if not self.tokenizer.chat_template:
            raise Unavailable("it has no chat template")

    def read(self, messages: Messages) -> tuple[str, list[int]]:
        """A conversation up to where the assistant's response begins, as text and as token ids.

        Raises Invalid when the chat template refuses it or a text is not valid Unicode.
        """
        try:
            text = self.tokenizer.apply_chat_template(
                [dict(message) for message in messages], tokenize=False, add_generation_prompt=True
            )
            text.encode()
        except (TemplateError, ValueError) as error:
            problem = f"This policy cannot read these messages: {error}."
            raise Invalid(problem, "messages") from error
        return text, list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def decode(self, tokens: Sequence[int]) -> str:
        """Text of tokens, without the special ones, exactly as generated."""
        return cast(
            str,
            self.tokenizer.decode(
                tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False
            ),
        )
