"""The worker: runs iterations by schedule or on request, one at a time, and maintenance.

Any number of workers may run, on any machines that share the store: the iteration's row is the job,
and its lease decides which worker runs it. Each round a worker decides experiments, starts
canaries, requests the iteration that is due, runs a queued one, and sends events to the webhook.
"""

import logging
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType

from training.iteration.lease import is_free, take
from training.jobs.maintenance import Maintenance
from training.jobs.runners.chosen import chosen_runner
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


def run_worker(core: Core) -> None:
    """Work until SIGTERM or SIGINT. The running iteration is released and can be resumed."""
    worker = Worker(core.store, chosen_runner(core.settings), maintenance=Maintenance(core))

    def stop(_signal: int, _frame: FrameType | None) -> None:
        worker.stop()

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, stop)
    worker.work()


class Worker:
    """Finds an iteration that is not running and lets the runner run it."""

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
        """Run queued iterations until ``stop``. Errors, such as a database outage, are retried."""
        while not self._stopping.is_set():
            for act in (self._maintenance, self.run_waiting):
                try:
                    act()
                except Exception as error:
                    logger.warning("Worker error, retrying: %s", error)
            self._stopping.wait(self._poll)

    def stop(self) -> None:
        """Interrupt the running iteration and take no other."""
        self._stopping.set()
        threading.Thread(target=self._runner.stop).start()

    def run_waiting(self) -> None:
        """Run the queued iteration, if there is one."""
        waiting = self.waiting()
        if waiting and not self._stopping.is_set():
            self.run(waiting)

    def waiting(self) -> str | None:
        """The id of an iteration that is queued, or whose runner's lease has ended.

        One that died waits for its retry time. A time beyond the longest pause comes from a clock
        that was since set back; it is ignored.
        """
        with self._store.read() as session:
            iteration = iterations.unfinished(session)
        if iteration is None or not is_free(iteration):
            return None
        left = iteration.retry_at - time.time()
        return None if 0 < left <= LONGEST_PAUSE else iteration.id

    def run(self, iteration_id: str) -> None:
        """Run it; when its process dies, it is retried later, at most ``TRIES`` times."""
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
                reasons = [f"Its process died {TRIES} times.", *iteration.reasons]
                held = take(session, iteration_id)
                iterations.finish(session, held, IterationState.FAILED, None, reasons)
