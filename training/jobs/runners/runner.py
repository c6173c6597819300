"""The runner protocol: runs one iteration to its end; and an in-process one for tests."""

from collections.abc import Callable
from typing import Protocol


class Runner(Protocol):
    """Runs iterations, one at a time."""

    def run(self, iteration_id: str) -> bool:
        """Run it until it ends or dies; True when its process succeeded.

        The outcome is in the iteration's row: a run that died leaves it unfinished.
        """
        ...

    def stop(self) -> None:
        """Ask the current run to release its job and end; callable from another thread."""
        ...


class InlineRunner:
    """Runs the iteration in this process, for tests: ``work`` is called with its id."""

    def __init__(self, work: Callable[[str], object]) -> None:
        self._work = work
        self.stopped = False

    def run(self, iteration_id: str) -> bool:
        """True unless the work raised."""
        try:
            self._work(iteration_id)
        except Exception:
            return False
        return True

    def stop(self) -> None:
        """Remember the request; work in this process cannot be stopped."""
        self.stopped = True
