"""The event loop's end of a response that the computing thread generates."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence

from server.generators.generator import Token


class EmbeddedStream:
    """One response: the computing thread writes to it, the event loop reads from it."""

    def __init__(self, policy_id: str, prompt_tokens: int) -> None:
        self.policy_id = policy_id
        self.prompt_tokens = prompt_tokens
        self.finish_reason: str | None = None
        self.queued_seconds: float | None = None
        self.cancelled = False
        self._began = time.perf_counter()
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[Sequence[Token] | str | Exception | None] = asyncio.Queue()

    def __aiter__(self) -> AsyncIterator[Token]:
        return self._iterate()

    async def aclose(self) -> None:
        """Stop generating at the next token."""
        self.cancelled = True
        self._events.put_nowait(None)

    def admit(self) -> None:
        """Its prompt is begun (from the computing thread, as the three below)."""
        self.queued_seconds = time.perf_counter() - self._began

    def put(self, tokens: Sequence[Token]) -> None:
        """Hand tokens to the reader."""
        self._send(tokens)

    def end(self, finish_reason: str) -> None:
        """The response is complete."""
        self._send(finish_reason)

    def fail(self, error: Exception) -> None:
        """The response cannot be completed."""
        self._send(error)

    def _send(self, event: Sequence[Token] | str | Exception) -> None:
        try:
            self._loop.call_soon_threadsafe(self._events.put_nowait, event)
        except RuntimeError:  # the event loop is gone, and the reader with it
            self.cancelled = True

    async def _iterate(self) -> AsyncIterator[Token]:
        while not self.cancelled and self.finish_reason is None:
            event = await self._events.get()
            if isinstance(event, Exception):
                raise event
            if event is None or isinstance(event, str):
                self.finish_reason = event
                return
            for token in event:
                if not self.cancelled:
                    yield token
