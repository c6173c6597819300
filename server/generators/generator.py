"""The seam between the server and whatever serves a policy: a conversation in, tokens out."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tutelage.errors import Invalid, Unavailable


@dataclass(frozen=True)
class Sampling:
    """How the tokens of one response are chosen."""

    temperature: float = 1.0  # 0 = greedy
    top_p: float = 1.0
    max_tokens: int = 512
    seed: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True)
class Token:
    """One generated token."""

    text: str  # what it adds; "" inside a multi-byte character, for end-of-sequence, in a stop
    token_id: int
    logprob: float  # natural log, at temperature 1 over the full vocabulary


class ContextTooLong(Invalid):
    """The conversation leaves no room for an answer."""

    def __init__(self, prompt_tokens: int, context_window: int) -> None:
        super().__init__(
            f"The conversation is {prompt_tokens} tokens long and this policy reads at most "
            f"{context_window}, with its answer. Shorten it or start a new conversation.",
            "messages",
        )
        self.prompt_tokens = prompt_tokens
        self.context_window = context_window


class Overloaded(Unavailable):
    """As many responses are running and waiting as the settings allow."""

    def __init__(self, streams: int) -> None:
        super().__init__(
            f"{streams} responses are being written or waiting already. Try again in a moment."
        )


class Stream(Protocol):
    """One response being generated.

    Iterating raises ``Unavailable`` when the generation fails or the generator is closed midway.
    """

    policy_id: str  # fixed at the start; never changes inside an answer
    prompt_tokens: int
    finish_reason: str | None  # "stop" | "length", set when iteration ends; None when cancelled

    def __aiter__(self) -> AsyncIterator[Token]: ...

    async def aclose(self) -> None:
        """Stop generating at the next token. Harmless when it has ended already."""
        ...


class Generator(Protocol):
    """Serves one policy at a time; running streams survive the change to another."""

    @property
    def policy_id(self) -> str | None:
        """What new streams use; None before the first ``load``."""
        ...

    @property
    def context_window(self) -> int:
        """Tokens of prompt and answer together."""
        ...

    async def start(self, messages: Sequence[Mapping[str, str]], sampling: Sampling) -> Stream:
        """Begin a response. Raises ContextTooLong, Overloaded; Unavailable without a policy."""
        ...

    async def load(self, policy_id: str, path: Path) -> None:
        """Load a policy directory beside, then switch new streams to it.

        Raises Unavailable, and keeps serving the policy it had, when the directory is unusable.
        """
        ...

    async def close(self) -> None:
        """End all streams and give everything back."""
        ...
