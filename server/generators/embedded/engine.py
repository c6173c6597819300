"""The generator that runs inside the server: continuous batching over OpenVINO.

One thread computes. Requests arrive from the event loop through an inbox and are answered through
a queue each. A new policy is loaded beside the old one, which stays until its last stream ends.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from server.generators.embedded.divergence import CACHE_TOKENS, measure
from server.generators.embedded.graph import Precision
from server.generators.embedded.model_runner import Policy, load_policy
from server.generators.embedded.scheduler import Batch, Response
from server.generators.generator import (
    ContextTooLong,
    Divergence,
    Messages,
    Overloaded,
    Sampling,
    Stream,
    Token,
)
from server.generators.model_slots import Pair
from tutelage.errors import Unavailable

IN_MEMORY = 2  # policies at most: the current one, and a challenger or one still answering
CLOSED = "The service is shutting down; the answer was cut short."

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class Served:
    """A policy in memory and how many streams hold it there."""

    batch: Batch
    window: int  # tokens
    divergence: Divergence | None = None
    leases: int = 0

    @property
    def policy_id(self) -> str:
        return self.batch.policy.policy_id


class EmbeddedGenerator(Pair[Served]):
    """Serves policy directories on this machine's processor.

    Of each policy in memory, ``cache_tokens`` bounds the keys and values of all responses that are
    running and of those that are remembered between turns. For SmolLM2-135M a token takes 23 kB.
    With ``weights`` in int8 a policy takes half the memory and answers differently: by how much is
    measured whenever one is loaded.
    """

    takes_tools = False

    def __init__(
        self,
        *,
        threads: int = 0,
        max_batch: int = 32,
        max_queue: int = 64,
        max_window: int = 4096,
        cache_tokens: int = 32768,
        weights: Precision = "auto",
    ) -> None:
        super().__init__(min(max_window, cache_tokens))
        self._threads = threads
        self._weights = weights
        self._max_batch = max_batch
        self._max_streams = max_batch + max_queue
        self._cache_tokens = cache_tokens
        self._loading = asyncio.Lock()
        self._changed = threading.Condition()  # guards everything below
        self._served: list[Served] = []
        self._inbox: list[tuple[Served, Response]] = []
        self._closed = False
        self._worker = threading.Thread(target=self._run, name="generator", daemon=True)
        self._worker.start()

    async def start(
        self,
        messages: Messages,
        sampling: Sampling,
        policy_id: str | None = None,
    ) -> Stream:
        """Begin a response; it joins the running batch at its next step."""
        served = self._lease(policy_id)
        try:
            prompt = await asyncio.to_thread(served.batch.policy.encode, messages)
            if len(prompt) >= served.window:
                raise ContextTooLong(len(prompt), served.window)
            grammar = await asyncio.to_thread(served.batch.policy.grammar, sampling.schema)
        except BaseException:
            self._release(served, 1)
            raise
        stream = EmbeddedStream(served.policy_id, len(prompt))
        room = min(sampling.max_tokens, served.window - len(prompt))
        response = Response(stream, served.batch.policy, prompt, room, sampling, grammar)
        self._submit(served, response)
        return stream

    async def load(self, policy_id: str, path: Path, *, challenger: bool = False) -> None:
        """Load a policy directory, then make it the current policy, or the challenger.

        Waits first while streams of an older policy still hold a third one out of memory.
        """
        async with self._loading:
            if not self._known(policy_id, challenger):
                await asyncio.to_thread(self._load, policy_id, path, challenger)

    async def unload(self, policy_id: str) -> None:
        """Start nothing more on the challenger; it goes when its last stream has ended."""
        async with self._loading:
            if policy_id == self.challenger:
                self._leave()

    async def close(self) -> None:
        """End all streams with an error and stop the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        await asyncio.to_thread(self._worker.join)

    def _lease(self, policy_id: str | None) -> Served:
        with self._changed:
            served = self._find(policy_id)
            self._refuse_when_closed()
            streams = sum(served.leases for served in self._served)
            if streams >= self._max_streams:
                raise Overloaded(streams)
            served.leases += 1
            return served

    def _find(self, policy_id: str | None) -> Served:
        if self._current is None:
            raise Unavailable("No policy is loaded; wait until the service is ready.")
        if policy_id in (None, self._current.policy_id):
            return self._current
        if self._challenger is None or policy_id != self._challenger.policy_id:
            raise Unavailable(f"{policy_id} is not loaded; {self.policy_id} answers.")
        return self._challenger

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
        kept = (self._current, self._challenger)
        self._served = [each for each in self._served if each.leases or each in kept]
        self._changed.notify_all()

    def _known(self, policy_id: str, challenger: bool) -> bool:
        """Whether nothing needs to be loaded; the challenger may just become current."""
        if policy_id == self.challenger and not challenger:
            with self._changed:
                self._current, self._challenger = self._challenger, None
                self._drop_drained()
        return policy_id in (self.policy_id, self.challenger)

    def _leave(self) -> None:
        with self._changed:
            self._challenger = None
            self._drop_drained()

    def _load(self, policy_id: str, path: Path, challenger: bool) -> None:
        self._leave()
        with self._changed:
            self._changed.wait_for(lambda: len(self._served) < IN_MEMORY or self._closed)
            self._refuse_when_closed()
        policy = load_policy(policy_id, path, self._threads, self._cache_tokens, self._weights)
        batch = Batch(policy, self._max_batch)
        window = min(self._max_window, policy.positions)
        served = Served(batch, window, self._divergence(policy, path))
        with self._changed:
            self._served.append(served)
            if challenger and self._current:
                self._challenger = served
            else:
                self._current = served
            self._drop_drained()

    def _divergence(self, policy: Policy, path: Path) -> Divergence | None:
        if self._weights != "int8":
            return None
        exact = load_policy(policy.policy_id, path, self._threads, CACHE_TOKENS, "f16")
        return measure(exact, policy)

    def _run(self) -> None:
        torch.set_num_threads(1)  # of this thread, which samples; the graph has threads of its own
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
