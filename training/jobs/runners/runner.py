"""The runner seam: something that runs one iteration to its end; and a fake that runs it here."""

from collections.abc import Callable
from typing import Protocol


class Runner(Protocol):
    """Runs iterations, one at a time."""

    def run(self, iteration_id: str) -> bool:
        """Run it until it ends or dies; true when its process ended well.

        What came of the iteration is in its row: a run that died leaves it unfinished.
        """
        ...

    def stop(self) -> None:
        """Ask the run under way to give its job back and end; callable from another thread."""
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
        """Remember that stopping was asked for; work in this process cannot be stopped."""
        self.stopped = True
