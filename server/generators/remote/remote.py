"""Policies that another engine serves (vLLM, TGI, llama.cpp, another tutelage), over HTTP.

The engine holds the weights; the policy directory is here too, for its template, its tokenizer and
its context window. Which policy answers is pinned by name: an engine that does not serve the
promoted policy is never asked for it.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

from transformers import AutoConfig

from server.generators.chat_template import ChatTemplate
from server.generators.generator import (
    ContextTooLong,
    Messages,
    Sampling,
    ShuttingDown,
    Stream,
    Token,
)
from server.generators.model_slots import ModelSlots
from server.generators.remote.engine import Engine, EngineRequest, EngineResponse
from server.generators.stop_strings import StopStrings
from tutelage.errors import TutelageError, Unavailable

FAILURES = 3  # in a row, after which no request is sent for a while
PAUSE_SECONDS = 10.0


@dataclass(frozen=True)
class RemotePolicy:
    """A policy that an engine serves: its template and its context window."""

    policy_id: str
    template: ChatTemplate
    window: int
    divergence = None  # unknown: the engine does not report it
    engine = "remote"

    def request(self, messages: Messages, sampling: Sampling) -> tuple[EngineRequest, int]:
        """The request, and how many tokens its prompt has. Raises ContextTooLong, Invalid."""
        text, tokens = self.template.read(messages)
        length = len(tokens)
        if length >= self.window:
            raise ContextTooLong(length, self.window)
        room = min(sampling.max_tokens, self.window - length)
        bounded = replace(sampling, max_tokens=room)
        request = EngineRequest(self.policy_id, messages, text, tokens, bounded, self.template)
        return request, length


class RemoteGenerator(ModelSlots[RemotePolicy]):
    """Serves policies through an engine; ``max_window`` bounds prompt and response, in tokens."""

    def __init__(self, engine: Engine, max_window: int = 4096) -> None:
        super().__init__(max_window)
        self._engine = engine
        self._breaker = Breaker()
        self._streams: set[RemoteStream] = set()
        self._opening: list[str] = []  # ids of the policies of responses that begin
        self._provided: set[str] = set()  # and of those that the engine was asked to serve
        self._closed = False

    @property
    def takes_tools(self) -> bool:
        """Whether the engine supports tools."""
        return self._engine.takes_tools

    async def start(
        self, messages: Messages, sampling: Sampling, policy_id: str | None = None
    ) -> Stream:
        """Begin a response; the engine has taken it when this returns."""
        if self._closed:
            raise ShuttingDown
        policy = self._find(policy_id)
        self._opening.append(policy.policy_id)
        try:
            request, length = await asyncio.to_thread(policy.request, messages, sampling)
            with self._breaker:
                response = await self._engine.open(request)
        finally:
            self._opening.remove(policy.policy_id)
        stream = RemoteStream(self._ended, policy.policy_id, length, response, sampling.stop)
        self._streams.add(stream)
        return stream

    async def _ended(self, stream: "RemoteStream") -> None:
        if stream in self._streams:
            self._streams.remove(stream)
            await self._withdraw_unused()

    async def _withdraw_unused(self) -> None:
        """Let the engine drop the policies that neither a slot nor a response needs."""
        needed = {self.policy_id, *self.challengers, *self._opening}
        needed |= {each.policy_id for each in self._streams}
        for policy_id in self._provided - needed:
            self._provided.discard(policy_id)
            await self._engine.withdraw(policy_id)

    async def load(self, policy_id: str, path: Path, *, challenger: bool = False) -> None:
        """Have the engine serve the policy, as the current one or as a challenger."""
        policy = await asyncio.to_thread(_read_policy, policy_id, path, self._max_window)
        await self._engine.provide(policy_id, path)
        self._provided.add(policy_id)
        self._install(policy, challenger)
        await self._withdraw_unused()

    async def unload(self, policy_id: str) -> None:
        """Start nothing more on a challenger; the engine may drop it after its last stream."""
        self._challengers.pop(policy_id, None)
        await self._withdraw_unused()

    async def close(self) -> None:
        """End all streams with an error."""
        self._closed = True
        for stream in list(self._streams):
            await stream.cut()
        await self._engine.close()


class Breaker:
    """Circuit breaker: sends an engine nothing for a while after repeated failures."""

    def __init__(self) -> None:
        self._failures = 0
        self._closed_until = 0.0

    def __enter__(self) -> None:
        if time.monotonic() < self._closed_until:
            raise Unavailable("The engine does not respond; try again in a few seconds.")

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
        ended: "Callable[[RemoteStream], Awaitable[None]]",
        policy_id: str,
        prompt_tokens: int,
        response: EngineResponse,
        stop: tuple[str, ...],
    ) -> None:
        self.policy_id = policy_id
        self.prompt_tokens = prompt_tokens
        self.finish_reason: str | None = None
        self.queued_seconds: float | None = None
        self._on_end = ended
        self._response = response
        self._reading = False
        self._stops = StopStrings(stop)
        self._ended = asyncio.Event()
        self._cut = False

    def __aiter__(self) -> AsyncIterator[Token]:
        return self._iterate()

    async def aclose(self) -> None:
        """Close the connection, so that the engine stops generating."""
        self._ended.set()
        if not self._reading:
            await self._response.hang_up()
        await self._on_end(self)

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
                raise ShuttingDown
        finally:
            self._reading = False
            await self.aclose()

    async def _next(self) -> Token | str | None:
        """The engine's next event; None as soon as the stream was closed."""
        reading = asyncio.ensure_future(anext(self._response.events))
        ending = asyncio.ensure_future(self._ended.wait())
        try:
            await asyncio.wait({reading, ending}, return_when=asyncio.FIRST_COMPLETED)
            return reading.result() if reading.done() and not self._ended.is_set() else None
        except StopAsyncIteration:
            raise Unavailable("The engine hung up; the answer was cut short.") from None
        finally:
            ending.cancel()
            if not reading.done():
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)


def _read_policy(policy_id: str, path: Path, max_window: int) -> RemotePolicy:
    try:
        template = ChatTemplate(path)
        config = AutoConfig.from_pretrained(path, local_files_only=True)
    except Exception as error:  # transformers raises many kinds
        reason = error.message if isinstance(error, TutelageError) else str(error).splitlines()[0]
        raise Unavailable(f"{policy_id} cannot be loaded from {path}: {reason}") from error
    return RemotePolicy(policy_id, template, min(max_window, int(config.max_position_embeddings)))
