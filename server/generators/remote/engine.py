"""The seam to another inference engine: one request in, a stream of tokens out."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from server.generators.generator import Messages, Overloaded, Sampling, Token
from tutelage.errors import Unavailable


@dataclass(frozen=True)
class EngineRequest:
    """One chat completion, as an engine is asked for it."""

    policy_id: str
    messages: Messages
    text: str  # the same, through the policy's chat template
    sampling: Sampling  # with max_tokens cut to the context window


@dataclass(frozen=True)
class EngineResponse:
    """A response that an engine has begun."""

    events: AsyncIterator[Token | str]  # its tokens, then the finish reason
    hang_up: Callable[[], Awaitable[None]]


class Engine(Protocol):
    """One protocol. Its failures are TutelageErrors: Overloaded, Invalid, Unavailable."""

    takes_tools: bool

    async def serves(self, policy_id: str) -> bool:
        """Whether it serves a policy under this id."""
        ...

    async def open(self, request: EngineRequest) -> EngineResponse:
        """Begin a response."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


class EngineBusy(Overloaded):
    """The engine is overloaded."""

    def __init__(self) -> None:
        Unavailable.__init__(self, "The engine is overloaded. Try again in a moment.")
