"""The seam to another inference engine: one request in, a stream of tokens out."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from server.generators.chat_template import ChatTemplate
from server.generators.generator import Messages, Overloaded, Sampling, Token, prefix_of, raw_text
from tutelage.errors import Unavailable


@dataclass(frozen=True)
class EngineRequest:
    """One chat completion, as an engine is asked for it."""

    policy_id: str
    messages: Messages
    text: str  # the same, through the policy's chat template
    tokens: list[int]  # and through its tokenizer
    sampling: Sampling  # with max_tokens cut to the context window
    template: ChatTemplate

    @property
    def continues(self) -> bool:
        """Whether the response goes on with text that is in the prompt."""
        return bool(prefix_of(self.messages)) or raw_text(self.messages) is not None


@dataclass(frozen=True)
class EngineResponse:
    """A response that an engine has begun."""

    events: AsyncIterator[Token | str]  # its tokens, then the finish reason
    hang_up: Callable[[], Awaitable[None]]  # harmless when it has ended already


class Engine(Protocol):
    """One protocol. Its failures are TutelageErrors: Overloaded, Invalid, Unavailable."""

    @property
    def takes_tools(self) -> bool: ...

    async def provide(self, policy_id: str, path: Path) -> None:
        """Have the policy of this directory served. Raises Unavailable where that cannot be."""
        ...

    async def withdraw(self, policy_id: str) -> None:
        """Nothing here uses the policy any more."""
        ...

    async def open(self, request: EngineRequest) -> EngineResponse:
        """Begin a response."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


class FixedEngine(ABC):
    """An engine that was started with the policies that it serves."""

    @abstractmethod
    async def serves(self, policy_id: str) -> bool:
        """Whether it serves a policy under this id."""

    async def provide(self, policy_id: str, path: Path) -> None:
        """Raises Unavailable where it does not serve the policy."""
        if not await self.serves(policy_id):
            raise Unavailable(
                f"{policy_id} cannot be loaded: the remote engine does not serve it. Start it with "
                f"`tutelage policies export {policy_id} --format hf` under the name {policy_id}."
            )

    async def withdraw(self, policy_id: str) -> None:
        """It goes on serving what it was started with."""
        return


class EngineBusy(Overloaded):
    """The engine is overloaded."""

    def __init__(self) -> None:
        Unavailable.__init__(self, "The engine is overloaded. Try again in a moment.")


async def begun(events: AsyncGenerator[Token | str]) -> EngineResponse:
    """Waits for the first token, since errors come before it."""
    try:
        first = await anext(events)
    except StopAsyncIteration:
        raise Unavailable("The engine hung up before its first token.") from None
    except BaseException:
        await events.aclose()
        raise
    return EngineResponse(_rejoined(first, events), events.aclose)


async def _rejoined(
    first: Token | str, rest: AsyncIterator[Token | str]
) -> AsyncIterator[Token | str]:
    yield first
    async for event in rest:
        yield event
