"""Token counts of a turn: the one place where they are added up."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from server.chat.response import TurnResponse
from tutelage.tables import Message


@dataclass(frozen=True)
class TokenUsage:
    """The tokens of one prompt and of all responses to it."""

    prompt: int
    response: int

    @property
    def total(self) -> int:
        """Both together."""
        return self.prompt + self.response

    @classmethod
    def of(cls, responses: Sequence[TurnResponse]) -> Self:
        """Of responses so far; the prompt, which all choices share, counts with the first."""
        streams = [each.stream for each in responses if each.choice == 0]
        prompt = sum(stream.prompt_tokens for stream in streams if stream)
        return cls(prompt, sum(len(each.tokens) for each in responses))

    @classmethod
    def of_stored(cls, messages: Sequence[Message]) -> Self:
        """Of the stored choices of one completion."""
        prompt = next((each.prompt_tokens or 0 for each in messages), 0)
        return cls(prompt, sum(len(each.token_ids or ()) for each in messages))
