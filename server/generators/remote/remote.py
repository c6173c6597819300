"""Policies that another engine serves (vLLM, TGI, llama.cpp, another tutelage), over HTTP.

The engine holds the weights; the policy directory is here too, for its template, its tokenizer and
its context window. Which policy answers is pinned by name: an engine that does not serve the
promoted policy under its id is never asked for it.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from transformers import AutoConfig

from server.generators.embedded.stop_strings import StopStrings
from server.generators.embedded.tokenizer import ChatTemplate
from server.generators.generator import (
    ContextTooLong,
    Messages,
    Overloaded,
    Sampling,
    Stream,
    Token,
)
from server.generators.model_slots import Pair
from tutelage.errors import TutelageError, Unavailable

CLOSED = "The service is shutting down; the answer was cut short."
FAILURES = 3  # in a row, after which the engine is left alone for a while
PAUSE_SECONDS = 10.0


@dataclass(frozen=True)
class Asked:
    """What an engine is asked to answer."""

    policy_id: str
    messages: Messages
    text: str  # the same, through the policy's chat template
    sampling: Sampling  # with max_tokens cut to the context window


@dataclass(frozen=True)
class Opened:
    """An answer that an engine has begun."""

    events: AsyncIterator[Token | str]  # its tokens, then the finish reason
    hang_up: Callable[[], Awaitable[None]]


class Engine(Protocol):
    """One protocol. Its failures are TutelageErrors: Overloaded, Invalid, Unavailable."""

    takes_tools: bool

    async def serves(self, policy_id: str) -> bool:
        """Whether it serves a policy under this id."""
        ...

    async def open(self, asked: Asked) -> Opened:
        """Begin an answer."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


@dataclass(frozen=True)
class Reader:
    """What is known here of a policy that is served elsewhere."""

    policy_id: str
    template: ChatTemplate
    window: int
    divergence = None  # the engine does not tell

    def asked(self, messages: Messages, sampling: Sampling) -> tuple[Asked, int]:
        """The request, and how many tokens its prompt has. Raises ContextTooLong, Invalid."""
        text, tokens = self.template.read(messages)
        length = len(tokens)
        if length >= self.window:
            raise ContextTooLong(length, self.window)
        room = min(sampling.max_tokens, self.window - length)
        cut = Sampling(**{**vars(sampling), "max_tokens": room})
        return Asked(self.policy_id, messages, text, cut), length


class EngineBusy(Overloaded):
    """The engine has too much to do."""

    def __init__(self) -> None:
        Unavailable.__init__(self, "The engine has too much to do. Try again in a moment.")


class RemoteGenerator(Pair[Reader]):
    """Serves policies through an engine; ``max_window`` bounds prompt and answer, in tokens."""

    def __init__(self, engine: Engine, max_window: int = 4096) -> None:
        super().__init__(max_window)
        self._engine = engine
        self._breaker = Breaker()
        self._streams: set[RemoteStream] = set()
        self._closed = False

    @property
    def takes_tools(self) -> bool:
        """Whether the engine can be given tools."""
        return self._engine.takes_tools

    async def start(
        self, messages: Messages, sampling: Sampling, policy_id: str | None = None
    ) -> Stream:
        """Begin a response; the engine has taken it when this returns."""
        reader = self._find(policy_id)
        asked, length = await asyncio.to_thread(reader.asked, messages, sampling)
        with self._breaker:
            opened = await self._engine.open(asked)
        stream = RemoteStream(self._streams, reader.policy_id, length, opened, sampling.stop)
        self._streams.add(stream)
        return stream

    async def load(self, policy_id: str, path: Path, *, challenger: bool = False) -> None:
        """Use what the engine serves under this id, as the current policy or as the challenger."""
        if not await self._engine.serves(policy_id):
            raise Unavailable(
                f"{policy_id} cannot be loaded: the remote engine does not serve it. Start it with "
                f"`tutelage policies export {policy_id} --format hf` under the name {policy_id}."
            )
        reader = await asyncio.to_thread(_reader, policy_id, path, self._max_window)
        if challenger and self._current and policy_id != self.policy_id:
            self._challenger = reader
        else:
            self._current, self._challenger = reader, None

    async def unload(self, policy_id: str) -> None:
        """Start nothing more on the challenger."""
        if policy_id == self.challenger:
            self._challenger = None

    async def close(self) -> None:
        """End all streams with an error."""
        self._closed = True
        for stream in list(self._streams):
            await stream.cut()
        await self._engine.close()

    def _find(self, policy_id: str | None) -> Reader:
        if self._current is None or self._closed:
            raise Unavailable("No policy is loaded; wait until the service is ready.")
        for reader in (self._current, self._challenger):
            if reader and policy_id in (None, reader.policy_id):
                return reader
        raise Unavailable(f"{policy_id} is not loaded; {self.policy_id} answers.")


class Breaker:
    """Leaves an engine alone for a while when it fails again and again."""

    def __init__(self) -> None:
        self._failures = 0
        self._closed_until = 0.0

    def __enter__(self) -> None:
        if time.monotonic() < self._closed_until:
            raise Unavailable("The engine does not answer; it is tried again in some seconds.")

    def __exit__(self, kind: object, error: BaseException | None, _trace: object) -> None:
        if type(error) is Unavailable:
            self._failures += 1
            if self._failures >= FAILURES:
                self._closed_until = time.monotonic() + PAUSE_SECONDS
        elif error is None:
            self._failures = 0


class RemoteStream:
    """One response that an engine writes."""

    def __init__(
        self,
        streams: "set[RemoteStream]",
        policy_id: str,
        prompt_tokens: int,
        opened: Opened,
        stop: tuple[str, ...],
    ) -> None:
        self.policy_id = policy_id
        self.prompt_tokens = prompt_tokens
        self.finish_reason: str | None = None
        self._streams = streams
        self._opened = opened
        self._reading = False
        self._stops = StopStrings(stop)
        self._ended = asyncio.Event()
        self._cut = False

    def __aiter__(self) -> AsyncIterator[Token]:
        return self._iterate()

    async def aclose(self) -> None:
        """Hang up: the engine stops when nobody listens."""
        self._ended.set()
        self._streams.discard(self)
        if not self._reading:
            await self._opened.hang_up()

    async def cut(self) -> None:
        """End with an error, since the service shuts down."""
        self._cut = True
        await self.aclose()

    async def _iterate(self) -> AsyncIterator[Token]:
        self._reading = True
        try:
            while (event := await self._next()) is not None:
                if isinstance(event, str):
                    for held in self._stops.flush():
                        yield held
                    self.finish_reason = event
                    return
                for token in self._stops.push(event):
                    yield token
                if self._stops.stopped:
                    self.finish_reason = "stop"
                    return
            if self._cut:
                raise Unavailable(CLOSED)
        finally:
            self._reading = False
            await self.aclose()

    async def _next(self) -> Token | str | None:
        """The engine's next event; None as soon as the stream was closed."""
        reading = asyncio.ensure_future(anext(self._opened.events))
        ending = asyncio.ensure_future(self._ended.wait())
        try:
            await asyncio.wait({reading, ending}, return_when=asyncio.FIRST_COMPLETED)
            return reading.result() if reading.done() and not self._ended.is_set() else None
        except StopAsyncIteration:
            raise Unavailable("The engine broke off; the answer was cut short.") from None
        finally:
            ending.cancel()
            if not reading.done():
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)


def _reader(policy_id: str, path: Path, max_window: int) -> Reader:
    try:
        template = ChatTemplate(path)
        config = AutoConfig.from_pretrained(path, local_files_only=True)
    except Exception as error:  # transformers raises many kinds
        reason = error.message if isinstance(error, TutelageError) else str(error).splitlines()[0]
        raise Unavailable(f"{policy_id} cannot be loaded from {path}: {reason}") from error
    return Reader(policy_id, template, min(max_window, int(config.max_position_embeddings)))
