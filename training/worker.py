"""The worker: runs what operators queue, one iteration at a time, and picks up what died."""

import logging
import signal
import threading
from collections import Counter
from types import FrameType

from training.lease import is_free, take
from training.runners.local import LocalRunner
from training.runners.runner import Runner
from tutelage import iterations
from tutelage.composition import Core
from tutelage.store import Store
from tutelage.tables import IterationState

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0
TRIES = 3
PAUSE_SECONDS = 30.0  # after a run that died, times the number of deaths


def run_worker(core: Core) -> None:
    """Work until SIGTERM or SIGINT; the iteration under way is given back and can be resumed."""
    worker = Worker(core.store, LocalRunner(core.settings))

    def stop(_signal: int, _frame: FrameType | None) -> None:
        worker.stop()

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, stop)
    worker.work()


class Worker:
    """Looks for an iteration that nobody runs and lets the runner run it."""

    def __init__(
        self, store: Store, runner: Runner, pause: float = PAUSE_SECONDS, poll: float = POLL_SECONDS
    ) -> None:
        self._store, self._runner, self._pause, self._poll = store, runner, pause, poll
        self._stopping = threading.Event()
        self._deaths: Counter[str] = Counter()

    def work(self) -> None:
        """Until ``stop``: run what is waiting. A database that is away is waited for."""
        while not self._stopping.is_set():
            try:
                waiting = self.waiting()
                if waiting:
                    self.run(waiting)
                    continue
            except Exception as error:
                logger.warning("The worker has a problem and tries again: %s", error)
            self._stopping.wait(self._poll)

    def stop(self) -> None:
        """Finish cleanly: interrupt the run under way and take no other."""
        self._stopping.set()
        threading.Thread(target=self._runner.stop).start()

    def waiting(self) -> str | None:
        """The id of an iteration that is queued, or whose runner's lease has ended."""
        with self._store.read() as session:
            iteration = iterations.unfinished(session)
        return iteration.id if iteration and is_free(iteration) else None

    def run(self, iteration_id: str) -> None:
        """Run it; when it dies, wait a little before the next try, and give up after some."""
        if self._deaths[iteration_id] >= TRIES:
            self._give_up(iteration_id)
            return
        self._runner.run(iteration_id)
        if self._stopping.is_set() or not self._unfinished(iteration_id):
            return
        self._deaths[iteration_id] += 1
        deaths = self._deaths[iteration_id]
        logger.warning("%s stopped unfinished, %d of %d tries.", iteration_id, deaths, TRIES)
        self._stopping.wait(self._pause * deaths)

    def _unfinished(self, iteration_id: str) -> bool:
        with self._store.read() as session:
            return iterations.get(session, iteration_id).state in iterations.UNFINISHED

    def _give_up(self, iteration_id: str) -> None:
        with self._store.write() as session:
            reasons = iterations.get(session, iteration_id).reasons
            reasons = [f"It stopped {TRIES} times before its end.", *reasons]
            held = take(session, iteration_id)
            iterations.finish(session, held, IterationState.FAILED, None, reasons)
