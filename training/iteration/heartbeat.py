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

    def __init__(self, store: Store, lease: Lease, watch: Progress = silent) -> None:
        self._store, self._lease, self._watch = store, lease, watch
        self._progress: dict[str, Any] = {}
        self._shown: dict[str, Any] = {}
        self._lost: Conflict | None = None
        self._closing = threading.Event()
        self._pace = _Pace()
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

    def progress(self, stage: str, done: int, total: int, metrics: Mapping[str, float]) -> None:
        """Report a step. Raises Conflict when the lease was lost or the iteration cancelled."""
        self.check()
        eta = self._pace.eta_seconds(stage, done, total)
        self._progress = {"stage": stage, "done": done, "total": total, "eta_seconds": eta}
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


class _Pace:
    """Estimates the rest of a stage from the steps made since this process entered it."""

    def __init__(self) -> None:
        self._stage, self._first, self._began = "", 0, 0.0

    def eta_seconds(self, stage: str, done: int, total: int) -> float | None:
        """Seconds left of the stage; None until one whole step was observed."""
        now = time.monotonic()
        if stage != self._stage or done < self._first:
            self._stage, self._first, self._began = stage, done, now
        made = done - self._first
        return round((now - self._began) / made * (total - done), 1) if made else None
