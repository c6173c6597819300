"""Keeps the lease of a running iteration alive and its progress visible, from a thread."""

import logging
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from training.progress import Progress, silent
from tutelage.errors import Conflict
from tutelage.iterations import iterations
from tutelage.iterations.iterations import LEASE_SECONDS, Lease
from tutelage.store import Store

logger = logging.getLogger(__name__)

RENEW_SECONDS = LEASE_SECONDS / 4
SHOW_SECONDS = 1.0  # progress is written at most this often


class Heartbeat:
    """While it is open the lease is renewed; ``progress`` raises Conflict once it is lost.

    A database outage is tolerated until the lease expires.
    """

    def __init__(
        self,
        store: Store,
        lease: Lease,
        watch: Progress = silent,
        expected: Mapping[str, float] | None = None,
    ) -> None:
        """``expected``: the stages in order, with their usual seconds or shares."""
        self._store, self._lease, self._watch = store, lease, watch
        self._progress: dict[str, Any] = {}
        self._shown: dict[str, Any] = {}
        self._lost: Conflict | None = None
        self._closing = threading.Event()
        self._pace = Pace(expected or {})
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._closing.set()
        self._thread.join()

    def begin(self, stage: str) -> None:
        """Report that a stage has begun, before its first step."""
        self._pace.enter(stage)
        self.progress(stage, 0, 0, {})

    def progress(self, stage: str, done: int, total: int, metrics: Mapping[str, float]) -> None:
        """Report a step. Raises Conflict when the lease was lost or the iteration cancelled."""
        self._report(stage, done, total, metrics, 1, 1)

    def part(self, number: int, count: int) -> Progress:
        """Reports the steps of one of several parts of a stage, such as model 1 of 2."""

        def progress(stage: str, done: int, total: int, metrics: Mapping[str, float]) -> None:
            self._report(stage, done, total, metrics, number, count)

        return progress

    def confirm(self) -> None:
        """Renew the lease now. Raises Conflict when it was lost: nothing may be written then."""
        self._renew()
        self.check()

    def _report(
        self, stage: str, done: int, total: int, metrics: Mapping[str, float], part: int, parts: int
    ) -> None:
        self.check()
        eta, remaining = self._pace.left(stage, done, total, part, parts)
        self._progress = {
            "stage": stage,
            "done": done,
            "total": total,
            "part": part,
            "parts": parts,
            "eta_seconds": eta,
            "iteration_eta_seconds": remaining,
            "updated_at": time.time(),
        }
        self._watch(stage, done, total, metrics)

    def check(self) -> None:
        """Raises Conflict when the lease was lost."""
        if self._lost:
            raise self._lost

    def _beat(self) -> None:
        renewed = time.monotonic()
        while not self._closing.wait(SHOW_SECONDS):
            due = time.monotonic() - renewed >= RENEW_SECONDS
            if (due or self._progress != self._shown) and self._renew():
                renewed = time.monotonic()

    def _renew(self) -> bool:
        progress = self._progress
        try:
            with self._store.write() as session:
                iterations.heartbeat(session, self._lease, progress)
        except Conflict as lost:
            self._lost = lost
            self._closing.set()
            return False
        except Exception as error:
            logger.warning("Renewing the lease failed, retrying: %s", error)
            return False
        self._shown = progress
        return True


class Pace:
    """Estimates what is left from the steps made since this process entered the stage's part."""

    def __init__(self, expected: Mapping[str, float]) -> None:
        """``expected``: the stages in order, with their usual seconds or shares."""
        self._expected = expected
        self._entered: tuple[str, int] = ("", 1)
        self._first = self._last = 0
        self._began = 0.0

    def enter(self, stage: str, part: int = 1, done: int = 0) -> None:
        """A stage, or a part of one, begins or is resumed after ``done`` steps."""
        self._entered = (stage, part)
        self._first = self._last = done
        self._began = time.monotonic()

    def left(
        self, stage: str, done: int, total: int, part: int = 1, parts: int = 1
    ) -> tuple[float | None, float | None]:
        """Seconds left of the stage and of the iteration; None until one step was observed."""
        if (stage, part) != self._entered or done not in (self._last, self._last + 1):
            self.enter(stage, part, done)
        self._last, made = done, done - self._first
        if made == 0:
            return None, None
        whole = (time.monotonic() - self._began) / made * total
        left = whole * (1 - done / total) + whole * (parts - part)
        return round(left, 1), self._of_all(stage, left, whole * parts)

    def _of_all(self, stage: str, left: float, whole: float) -> float | None:
        """The later stages take as much longer or shorter than usual as this one does."""
        usual = self._expected.get(stage)
        if not usual:
            return None
        stages = list(self._expected)
        later = sum(self._expected[name] for name in stages[stages.index(stage) + 1 :])
        return round(left + later * whole / usual, 1)
