"""The worker: iterations by schedule or on request, one at a time, and what follows from them.

Any number of workers may run, on any machines that share the store: the iteration's row is the job,
and its lease decides. Each round a worker looks, in this order: is a trial decided, has a candidate
passed that is to be tried, is an iteration due, does one wait; and it tells the webhook.
"""

import logging
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import IO

from training.iteration.lease import is_free, take
from training.jobs.maintenance import Maintenance
from training.jobs.runners.local import LocalRunner
from training.jobs.runners.runner import Runner
from tutelage.composition import Core
from tutelage.iterations import iterations
from tutelage.store import Store
from tutelage.tables import IterationState

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0
TRIES = 3
PAUSE_SECONDS = 30.0  # after a run that died, doubled with each death
LONGEST_PAUSE = 3600.0


def run_worker(core: Core, while_input: IO[bytes] | None = None) -> None:
    """Work until SIGTERM or SIGINT, or until ``while_input`` ends.

    The iteration under way is given back and can be resumed.
    """
    worker = Worker(core.store, LocalRunner(core.settings), maintenance=Maintenance(core))

    def stop(_signal: int, _frame: FrameType | None) -> None:
        worker.stop()

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, stop)
    if while_input:
        threading.Thread(target=_stop_at_end, args=(while_input, worker), daemon=True).start()
    worker.work()


def _stop_at_end(of: IO[bytes], worker: "Worker") -> None:
    of.read()
    worker.stop()


class Worker:
    """Looks for an iteration that nobody runs and lets the runner run it."""

    def __init__(
        self,
        store: Store,
        runner: Runner,
        pause: float = PAUSE_SECONDS,
        poll: float = POLL_SECONDS,
        maintenance: Callable[[], None] = lambda: None,
    ) -> None:
        self._store, self._runner, self._pause, self._poll = store, runner, pause, poll
        self._maintenance = maintenance
        self._stopping = threading.Event()

    def work(self) -> None:
        """Until ``stop``: run what is waiting. A database that is away is waited for."""
        while not self._stopping.is_set():
            for act in (self._maintenance, self.run_waiting):
                try:
                    act()
                except Exception as error:
                    logger.warning("The worker has a problem and tries again: %s", error)
            self._stopping.wait(self._poll)

    def stop(self) -> None:
        """Finish cleanly: interrupt the run under way and take no other."""
        self._stopping.set()
        threading.Thread(target=self._runner.stop).start()

    def run_waiting(self) -> None:
        """Run the iteration that waits, if one does."""
        waiting = self.waiting()
        if waiting and not self._stopping.is_set():
            self.run(waiting)

    def waiting(self) -> str | None:
        """The id of an iteration that is queued, or whose runner's lease has ended.

        One that died waits its time. A time further away than any wait was written by a clock
        that has been put back since; it does not count.
        """
        with self._store.read() as session:
            iteration = iterations.unfinished(session)
        if iteration is None or not is_free(iteration):
            return None
        left = iteration.retry_at - time.time()
        return None if 0 < left <= LONGEST_PAUSE else iteration.id

    def run(self, iteration_id: str) -> None:
        """Run it; when it dies, it is tried again later, and given up after some deaths."""
        self._runner.run(iteration_id)
        if self._stopping.is_set():
            return
        with self._store.write() as session:
            iteration = iterations.get(session, iteration_id)
            if iteration.state not in iterations.UNFINISHED or not is_free(iteration):
                return  # it has ended, or another worker has it
            deaths = iterations.note_death(session, iteration, self._pause, LONGEST_PAUSE)
            logger.warning("%s stopped unfinished, %d of %d tries.", iteration_id, deaths, TRIES)
            if deaths >= TRIES:
                reasons = [f"It stopped {TRIES} times before its end.", *iteration.reasons]
                held = take(session, iteration_id)
                iterations.finish(session, held, IterationState.FAILED, None, reasons)
