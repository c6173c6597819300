"""The generator that runs inside the server: continuous batching over a policy's runner.

``load`` decides which library computes a policy: OpenVINO, or transformers (``paged/``). One thread
computes. Requests arrive from the event loop through an inbox and are answered through
a queue each. A new policy is loaded while the old one still serves, and the old one stays in memory
until its last stream ends.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from server.generators.embedded.divergence import CACHE_TOKENS, measure
from server.generators.embedded.graph import Precision
from server.generators.embedded.graph_runner import GraphRunner, load_policy
from server.generators.embedded.model_runner import ModelRunner
from server.generators.embedded.scheduler import Scheduler
from server.generators.embedded.sequence import Sequence
from server.generators.embedded.stream import EmbeddedStream
from server.generators.generator import (
    ContextTooLong,
    Divergence,
    Messages,
    Occupancy,
    Overloaded,
    Sampling,
    ShuttingDown,
    Stream,
    prefix_of,
    raw_text,
)
from server.generators.model_slots import ModelSlots
from tutelage.errors import Unavailable

# Policy id, its directory, threads, KV-cache tokens and precision to a policy in memory.
Loader = Callable[[str, Path, int, int, Precision], ModelRunner]
IN_MEMORY = 3  # policies at most, unless stated otherwise

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class EmbeddedPolicy:
    """A policy in memory and how many streams hold it there."""

    scheduler: Scheduler
    window: int  # tokens
    divergence: Divergence | None = None
    leases: int = 0

    @property
    def runner(self) -> ModelRunner:
        return self.scheduler.runner

    @property
    def policy_id(self) -> str:
        return self.runner.policy_id

    @property
    def engine(self) -> str:
        return self.runner.engine


class EmbeddedGenerator(ModelSlots[EmbeddedPolicy]):
    """Serves policy directories on this machine.

    ``cache_tokens`` is the KV-cache capacity of each policy in memory, shared by its active
    sequences and its prefix cache. For SmolLM2-135M a token takes 23 kB. With ``weights`` in int8
    a policy takes half the memory and answers differently: by how much is measured whenever one is
    loaded. At most ``policies`` are in memory, those that only finish what they began included.
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
        policies: int = IN_MEMORY,
        load: Loader = load_policy,
    ) -> None:
        super().__init__(min(max_window, cache_tokens))
        self._threads = threads
        self._weights = weights
        self._policies = policies
        self._load_policy = load
        self._max_batch = max_batch
        self._max_streams = max_batch + max_queue
        self._cache_tokens = cache_tokens
        self._loading = asyncio.Lock()
        self._changed = threading.Condition()  # guards everything below, and the slots
        self._in_memory: list[EmbeddedPolicy] = []
        self._inbox: list[tuple[EmbeddedPolicy, Sequence]] = []
        self._closed = False
        self._worker = threading.Thread(target=self._run, name="generator", daemon=True)
        self._worker.start()

    @property
    def occupancy(self) -> Occupancy:
        """How busy it is, over all policies in memory."""
        with self._changed:
            found = [each.scheduler.occupancy for each in self._in_memory]
            waiting = len(self._inbox) + sum(each.waiting for each in found)
        return Occupancy(
            waiting,
            sum(each.running for each in found),
            sum(each.cache_used for each in found),
            sum(each.cache_capacity for each in found),
        )

    async def start(
        self,
        messages: Messages,
        sampling: Sampling,
        policy_id: str | None = None,
    ) -> Stream:
        """Begin a response; it joins the running batch at its next step."""
        policy = self._lease(policy_id)
        try:
            policy.runner.require_tokens(sampling.logit_bias)
            prompt = await asyncio.to_thread(policy.runner.encode, messages)
            if len(prompt) >= policy.window:
                raise ContextTooLong(len(prompt), policy.window)
            grammar = await asyncio.to_thread(policy.runner.grammar, sampling.schema)
        except BaseException:
            self._release(policy, 1)
            raise
        stream = EmbeddedStream(policy.policy_id, len(prompt))
        max_tokens = min(sampling.max_tokens, policy.window - len(prompt))
        continued = bool(prefix_of(messages)) or raw_text(messages) is not None
        sequence = Sequence(stream, policy.runner, prompt, max_tokens, sampling, grammar, continued)
        self._submit(policy, sequence)
        return stream

    async def load(self, policy_id: str, path: Path, *, challenger: bool = False) -> None:
        """Load a policy directory, then make it the current policy, or a challenger.

        Waits first while the streams of an older policy still keep that in memory.
        """
        async with self._loading:
            if policy_id in self.challengers and not challenger:
                self._promote_challenger(policy_id)
            elif policy_id not in (self.policy_id, *self.challengers):
                await asyncio.to_thread(self._load, policy_id, path, challenger)

    async def unload(self, policy_id: str) -> None:
        """Start nothing more on a challenger; it goes when its last stream has ended."""
        async with self._loading:
            self._remove_challenger(policy_id)

    async def close(self) -> None:
        """End all streams with an error and stop the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        await asyncio.to_thread(self._worker.join)

    def _lease(self, policy_id: str | None) -> EmbeddedPolicy:
        with self._changed:
            policy = self._find(policy_id)
            self._refuse_when_closed()
            streams = sum(each.leases for each in self._in_memory)
            if streams >= self._max_streams:
                raise Overloaded(streams)
            policy.leases += 1
            return policy

    def _release(self, policy: EmbeddedPolicy, leases: int) -> None:
        with self._changed:
            policy.leases -= leases
            self._drop_drained()

    def _drop_drained(self) -> None:
        slots = (self._current, *self._challengers.values())
        self._in_memory = [each for each in self._in_memory if each.leases or each in slots]
        self._changed.notify_all()

    def _submit(self, policy: EmbeddedPolicy, sequence: Sequence) -> None:
        with self._changed:
            self._refuse_when_closed()
            self._inbox.append((policy, sequence))
            self._changed.notify_all()

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise ShuttingDown

    def _promote_challenger(self, policy_id: str) -> None:
        with self._changed:
            self._install(self._challengers[policy_id], challenger=False)
            self._drop_drained()

    def _remove_challenger(self, policy_id: str) -> None:
        with self._changed:
            self._challengers.pop(policy_id, None)
            self._drop_drained()

    def _load(self, policy_id: str, path: Path, challenger: bool) -> None:
        while len(self._challengers) > self._policies - 2:
            self._remove_challenger(self.challengers[0])
        with self._changed:
            self._changed.wait_for(lambda: len(self._in_memory) < self._policies or self._closed)
            self._refuse_when_closed()
        runner = self._load_policy(
            policy_id, path, self._threads, self._cache_tokens, self._weights
        )
        window = min(self._max_window, runner.positions)
        divergence = self._measure_divergence(runner, path)
        policy = EmbeddedPolicy(Scheduler(runner, self._max_batch), window, divergence)
        with self._changed:
            self._in_memory.append(policy)
            self._install(policy, challenger)
            self._drop_drained()

    def _measure_divergence(self, runner: ModelRunner, path: Path) -> Divergence | None:
        if self._weights != "int8" or not isinstance(runner, GraphRunner):
            return None
        exact = load_policy(runner.policy_id, path, self._threads, CACHE_TOKENS, "f16")
        return measure(exact, runner)

    def _run(self) -> None:
        torch.set_num_threads(1)  # of this thread, which samples; the graph has threads of its own
        while busy := self._next():
            for policy in busy:
                self._step(policy)
        self._fail_all()

    def _next(self) -> list[EmbeddedPolicy]:
        """Wait for work; the policies that have some, or none when closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._inbox or self._busy())
            for policy, sequence in self._inbox:
                policy.scheduler.add(sequence)
            self._inbox.clear()
            return [] if self._closed else self._busy()

    def _busy(self) -> list[EmbeddedPolicy]:
        return [policy for policy in self._in_memory if policy.scheduler.busy]

    def _step(self, policy: EmbeddedPolicy) -> None:
        try:
            ended = policy.scheduler.step()
        except Exception as error:  # out of memory, mostly: these streams end, the service stays
            logger.exception("A step of %s failed; its streams were ended.", policy.policy_id)
            ended = policy.scheduler.fail(
                Unavailable(f"The answer was cut short: {error}. Ask again, or ask for less.")
            )
        if ended:
            self._release(policy, ended)

    def _fail_all(self) -> None:
        for policy in list(self._in_memory):
            self._release(policy, policy.scheduler.fail(ShuttingDown()))
