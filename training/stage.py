"""A stage's folder: finished when ``complete.json`` is there, and then never run again."""

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar

from tutelage import atomic
from tutelage.errors import Unavailable
from tutelage.iteration_folder import COMPLETE
from tutelage.policies.library import digests

_CLEAR_PEAK = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


class StageResult(Protocol):
    """What a stage returns; it goes through JSON and comes back equal."""

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        ...

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """The result that ``as_json`` was made of."""
        ...


Result = TypeVar("Result", bound=StageResult)


@dataclass(frozen=True)
class Complete(Generic[Result]):
    """A stage that has ended."""

    stage: str
    result: Result
    seconds: float
    peak_memory_mb: float
    files: dict[str, str]  # sha256 by relative path

    @classmethod
    def read(cls, directory: Path, kind: type[Result]) -> "Complete[Result] | None":
        """The stage's ending, or None when it did not end; its files are checked.

        Raises Unavailable when a file is missing or differs from what the stage wrote.
        """
        path = directory / COMPLETE
        if not path.is_file():
            return None
        try:
            values = json.loads(path.read_text("utf-8"))
            complete = Complete(result=kind.from_json(values.pop("metrics")), **values)
        except (ValueError, TypeError, KeyError) as error:
            raise Unavailable(_damaged(directory, f"{COMPLETE} cannot be read")) from error
        found = digests(directory)
        for name, digest in complete.files.items():
            if found.get(name) != digest:
                change = "has changed" if name in found else "is missing"
                raise Unavailable(_damaged(directory, f"{name} {change}"))
        return complete

    def write(self, directory: Path) -> None:
        """Write ``complete.json``."""
        values = {
            "stage": self.stage,
            "metrics": self.result.as_json(),
            "seconds": self.seconds,
            "peak_memory_mb": self.peak_memory_mb,
            "files": self.files,
        }
        atomic.write_text(directory / COMPLETE, json.dumps(values, indent=2) + "\n")


def run(directory: Path, kind: type[Result], work: Callable[[Path], Result]) -> Complete[Result]:
    """Let ``work`` fill the folder and return its result, unless it did so before.

    A stage that was interrupted finds its folder as it left it and may carry on from there.
    """
    complete = Complete.read(directory, kind)
    if complete:
        return complete
    directory.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    _reset_peak_memory()
    result = work(directory)
    complete = Complete(
        stage=directory.name,
        result=result,
        seconds=round(time.monotonic() - began, 2),
        peak_memory_mb=round(_peak_memory_mb(), 1),
        files=_lasting(digests(directory)),
    )
    complete.write(directory)
    return complete


def _lasting(files: dict[str, str]) -> dict[str, str]:
    return {name: digest for name, digest in files.items() if not Path(name).name.startswith(".")}


def _damaged(directory: Path, what: str) -> str:
    return (
        f"The stage {directory.name} is damaged: {what}. Delete {directory} and run the iteration "
        "again; the stages before it are kept."
    )


def _reset_peak_memory() -> None:
    """Reset the kernel's high-water mark of this process, where it can be reset (Linux)."""
    try:
        _CLEAR_PEAK.write_text("5")
    except OSError:
        return


def _peak_memory_mb() -> float:
    """The high-water mark of resident memory, in MB."""
    if _STATUS.is_file():
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)
