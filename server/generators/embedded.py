"""The generator that runs inside the server: continuous batching over transformers.

One thread computes. Requests arrive from the event loop through an inbox and are answered through
a queue each. A new policy is loaded beside the old one, which stays until its last stream ends.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from server.generators.batch import Batch, Response
from server.generators.generator import ContextTooLong, Overloaded, Sampling, Stream, Token
from server.generators.policy import load_policy
from tutelage.errors import Unavailable

IN_MEMORY = 2  # policies at most: the current one and one whose streams are still running
CLOSED = "The service is shutting down; the answer was cut short."

logger = logging.getLogger(__name__)


@dataclass
class Served:
    """A policy in memory and how many streams hold it there."""

    batch: Batch
    window: int  # tokens
    leases: int = 0

    @property
    def policy_id(self) -> str:
        return self.batch.policy.policy_id


class EmbeddedGenerator:
    """Serves policy directories on this machine's processor, or its GPU where there is one.

    Each of ``max_batch`` responses holds keys and values of up to ``max_window`` tokens while it
    runs; ``kept_tokens`` bounds those that are remembered between turns. For SmolLM2-135M a token
    takes 46 kB.
    """

    def __init__(
        self,
        *,
        threads: int = 0,
        max_batch: int = 32,
        max_queue: int = 64,
        max_window: int = 4096,
        kept_tokens: int = 8192,
    ) -> None:
        self._threads = threads
        self._max_batch = max_batch
        self._max_streams = max_batch + max_queue
        self._max_window = max_window
        self._kept_tokens = kept_tokens
        self._loading = asyncio.Lock()
        self._changed = threading.Condition()  # guards everything below
        self._served: list[Served] = []
        self._current: Served | None = None
        self._inbox: list[tuple[Served, Response]] = []
        self._closed = False
        self._worker = threading.Thread(target=self._run, name="generator", daemon=True)
        self._worker.start()

    @property
    def policy_id(self) -> str | None:
        """What new streams use; None before the first ``load``."""
        return self._current.policy_id if self._current else None

    @property
    def context_window(self) -> int:
        """Tokens of prompt and answer together."""
        return self._current.window if self._current else self._max_window

    async def start(self, messages: Sequence[Mapping[str, str]], sampling: Sampling) -> Stream:
        """Begin a response on the current policy; it joins the running batch at its next step."""
        served = self._lease()
        try:
            prompt = await asyncio.to_thread(served.batch.policy.encode, messages)
            if len(prompt) >= served.window:
                raise ContextTooLong(len(prompt), served.window)
        except BaseException:
            self._release(served, 1)
            raise
        stream = EmbeddedStream(served.policy_id, len(prompt))
        room = min(sampling.max_tokens, served.window - len(prompt))
        response = Response(stream, served.batch.policy, prompt, room, sampling)
        self._submit(served, response)
        return stream

    async def load(self, policy_id: str, path: Path) -> None:
        """Load a policy directory beside, then switch new streams to it.

        Waits first while streams of an older policy still hold a third one out of memory.
        """
        async with self._loading:
            if policy_id != self.policy_id:
                await asyncio.to_thread(self._load, policy_id, path)

    async def close(self) -> None:
        """End all streams with an error and stop the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        await asyncio.to_thread(self._worker.join)

    def _lease(self) -> Served:
        with self._changed:
            if self._current is None:
                raise Unavailable("No policy is loaded; wait until the service is ready.")
            self._refuse_when_closed()
            streams = sum(served.leases for served in self._served)
            if streams >= self._max_streams:
                raise Overloaded(streams)
            self._current.leases += 1
            return self._current

    def _submit(self, served: Served, response: Response) -> None:
        with self._changed:
            self._refuse_when_closed()
            self._inbox.append((served, response))
            self._changed.notify_all()

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise Unavailable(CLOSED)

    def _release(self, served: Served, leases: int) -> None:
        with self._changed:
            served.leases -= leases
            self._drop_drained()

    def _drop_drained(self) -> None:
        self._served = [each for each in self._served if each.leases or each is self._current]
        self._changed.notify_all()

    def _load(self, policy_id: str, path: Path) -> None:
        with self._changed:
            self._changed.wait_for(lambda: len(self._served) < IN_MEMORY or self._closed)
            self._refuse_when_closed()
        policy = load_policy(policy_id, path)
        batch = Batch(policy, self._max_batch, self._kept_tokens)
        with self._changed:
            self._current = Served(batch, min(self._max_window, policy.positions))
            self._served.append(self._current)
            self._drop_drained()

    def _run(self) -> None:
        if self._threads:
            torch.set_num_threads(self._threads)
        with torch.inference_mode():
            while served := self._next():
                for each in served:
                    self._step(each)
        self._fail_all()

    def _next(self) -> list[Served]:
        """Wait for work; the policies that have some, or none when closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._inbox or self._busy())
            for served, response in self._inbox:
                served.batch.add(response)
            self._inbox.clear()
            return [] if self._closed else self._busy()

    def _busy(self) -> list[Served]:
        return [served for served in self._served if served.batch.busy]

    def _step(self, served: Served) -> None:
        try:
            ended = served.batch.step()
        except Exception as error:  # out of memory, mostly: these streams end, the service stays
            logger.exception("A step of %s failed; its streams were ended.", served.policy_id)
            ended = served.batch.fail(
                Unavailable(f"The answer was cut short: {error}. Ask again, or ask for less.")
            )
        if ended:
            self._release(served, ended)

    def _fail_all(self) -> None:
        error = Unavailable(CLOSED)
        for served in list(self._served):
            self._release(served, served.batch.fail(error))


class EmbeddedStream:
    """The event loop's end of a response; the computing thread writes to it."""

    def __init__(self, policy_id: str, prompt_tokens: int) -> None:
        self.policy_id = policy_id
        self.prompt_tokens = prompt_tokens
        self.finish_reason: str | None = None
        self.cancelled = False
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[Sequence[Token] | str | Exception | None] = asyncio.Queue()

    def __aiter__(self) -> AsyncIterator[Token]:
        return self._iterate()

    async def aclose(self) -> None:
        """Stop generating at the next token."""
        self.cancelled = True
        self._events.put_nowait(None)

    def put(self, tokens: Sequence[Token]) -> None:
        """Hand tokens to the reader (from the computing thread, as the two below)."""
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
