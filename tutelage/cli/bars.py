"""Progress bars of the commands that take long."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from training.progress import Progress


@contextmanager
def stage_bars() -> "Iterator[Progress]":
    """A bar per stage of training, with its latest measures."""
    with _progress() as progress:
        tasks: dict[str, TaskID] = {}

        def watch(stage: str, done: int, total: int, metrics: Mapping[str, float]) -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(stage, total=total or None, note="")
            note = "  ".join(f"{name} {value:.3g}" for name, value in list(metrics.items())[:3])
            progress.update(tasks[stage], completed=done, total=total or None, note=note)

        yield watch


@contextmanager
def steps() -> Iterator[Callable[[str, int, int], None]]:
    """A bar per step; the total 0 stands for unknown."""
    with _progress() as progress:
        tasks: dict[str, TaskID] = {}

        def say(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total or None, note="")
            progress.update(tasks[what], completed=done, total=total or None)

        yield say


def _progress() -> "Bars":
    from rich import progress as bars

    return bars.Progress(
        bars.TextColumn("{task.description:24}"),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TimeElapsedColumn(),
        bars.TimeRemainingColumn(),
        bars.TextColumn("{task.fields[note]}", style="dim"),
    )
