"""Continuous batching of one policy's sequences: schedule, run the model, sample (Orca, vLLM)."""

from server.generators.embedded.model_runner import ModelRunner, Predictions, ScheduledChunk
from server.generators.embedded.prefix_cache import PrefixCache, common_prefix
from server.generators.embedded.sampler import choose_each
from server.generators.embedded.sequence import Sequence
from server.generators.generator import Occupancy

PREFILL_TOKENS = 256  # prompt tokens of one step: running sequences wait for so many of a new one
WORTH_WAITING = 16  # shared tokens for which a prompt waits until another has computed them


def sample(sequences: list[Sequence], found: Predictions, together: bool) -> None:
    """Give each sequence its next token.

    ``together``: those without penalties, bias or grammar at once, on the device of what was
    found; a row for itself would start some ten small kernels and wait for each.
    """
    at_once = [i for i, each in enumerate(sequences) if together and each.sampler.independent]
    if at_once:
        rows = found.logprobs[at_once]
        ids = choose_each(rows, [sequences[i].sampler.draw() for i in at_once])
        logprobs = rows.gather(1, ids[:, None])[:, 0]
        for i, token, logprob in zip(at_once, ids.tolist(), logprobs.tolist(), strict=True):
            sequences[i].accept(token, logprob, found.logprobs[i])
    for i in set(range(len(sequences))) - set(at_once):
        sequences[i].append(found.logprobs[i].cpu(), float(found.normalizers[i]))


class Scheduler:
    """The sequences of one policy. A new one joins at the next step; a finished one leaves."""

    def __init__(self, runner: ModelRunner, max_running: int) -> None:
        self.runner = runner
        self._max_running = max_running
        self._waiting: list[Sequence] = []
        self._running: list[Sequence] = []
        self._cache = PrefixCache(runner.pool)

    @property
    def busy(self) -> bool:
        """Whether a step has anything to do."""
        return bool(self._waiting or self._running)

    @property
    def occupancy(self) -> Occupancy:
        """How busy it is; callable from another thread than that of ``step``."""
        pool, running = self.runner.pool, list(self._running)
        held = {block for each in running for block in list(each.table.blocks)}
        return Occupancy(
            len(self._waiting), len(running), len(held) * pool.size, pool.total * pool.size
        )

    def add(self, sequence: Sequence) -> None:
        """Queue a sequence; it runs as soon as there is room for it."""
        self._waiting.append(sequence)

    def step(self) -> int:
        """Run the model once; returns how many sequences have ended, finished or cancelled."""
        ended = self._remove_cancelled()
        self._admit()
        if not self._running:
            return ended
        scheduled = self._schedule()
        complete = {each: c for each, c in scheduled.items() if len(c.tokens) == len(each.pending)}
        found = self.runner.predict(list(scheduled.values()), list(complete.values()))
        sample(list(complete), found, together=found.logprobs.is_cuda)
        return ended + self._remove_finished()

    def fail(self, error: Exception) -> int:
        """End all sequences with an error; returns how many.

        Their blocks are free again, and nothing of them is cached: what the failed step wrote is
        not known.
        """
        failed = self._waiting + self._running
        for sequence in self._running:
            sequence.table.release()
        self._waiting, self._running = [], []
        for sequence in failed:
            sequence.sink.fail(error)
        return len(failed)

    def _remove_cancelled(self) -> int:
        before = len(self._waiting)
        self._waiting = [each for each in self._waiting if not each.sink.cancelled]
        for sequence in self._running:
            sequence.finished = sequence.sink.cancelled
        return before - len(self._waiting) + self._remove_finished()

    def _remove_finished(self) -> int:
        finished = [each for each in self._running if each.finished]
        self._running = [each for each in self._running if not each.finished]
        for sequence in finished:
            self._cache.insert(sequence.table)
        return len(finished)

    def _admit(self) -> None:
        """Move sequences from waiting to running, first come first served, while blocks last."""
        for sequence in list(self._waiting):
            if len(self._running) >= self._max_running:
                return
            if self._prefix_in_progress(sequence):
                continue
            running = [each.table for each in self._running]
            table = self._cache.allocate(sequence.tokens, sequence.max_length, running)
            if table is None:
                return
            self._waiting.remove(sequence)
            sequence.table = table
            self._running.append(sequence)
            sequence.sink.admit()

    def _prefix_in_progress(self, sequence: Sequence) -> bool:
        """Whether a running sequence is computing a good part of this prompt, as with n choices."""
        stored = [common_prefix(sequence.tokens, each.table.tokens) for each in self._running]
        enough = max(stored, default=0) + WORTH_WAITING
        prefilling = [each for each in self._running if each.prefilling]
        return any(common_prefix(sequence.tokens, each.tokens) >= enough for each in prefilling)

    def _schedule(self) -> dict[Sequence, ScheduledChunk]:
        """What each sequence computes now: a token, or as much of its prompt as the step allows."""
        left = PREFILL_TOKENS
        scheduled = {}
        for sequence in self._running:
            pending = sequence.pending
            if sequence.prefilling:
                pending = pending[:left]
                left -= len(pending)
            if pending:
                scheduled[sequence] = ScheduledChunk(sequence.table, pending)
        return scheduled
