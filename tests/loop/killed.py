"""Runs an iteration over and over, each time killing the process that runs it, as kill -9 does.

    python killed.py DATA ITERATION WHERE…

Each WHERE is ``stage:step``, once that step of the stage is reported, or a file pattern below DATA,
once such a file is there. Each run is a fork, so that torch is imported once.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from training.iteration.run import run_iteration
from tutelage.composition import Core, open_core
from tutelage.settings import Settings


def main(data: Path, iteration_id: str, places: list[str]) -> None:
    """Fork a run for each place; exit 1 if one did not die of SIGKILL."""
    for where in places:
        child = os.fork()
        if child == 0:
            run(open_core(Settings(data=data)), iteration_id, where)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGKILL:
            sys.exit(f"{where}: the run ended with status {status}")


def run(core: Core, iteration_id: str, where: str) -> None:
    """Carry on with the iteration where the one before died, and die too."""

    def watch(stage: str, done: int, total: int, metrics: Mapping[str, float]) -> None:
        if f"{stage}:{done}" == where:
            os.kill(os.getpid(), signal.SIGKILL)

    def look() -> None:
        while not any(core.settings.data.glob(where)):
            time.sleep(0.001)  # the run has the processor
        os.kill(os.getpid(), signal.SIGKILL)

    if ":" not in where:
        threading.Thread(target=look, daemon=True).start()
    run_iteration(core, iteration_id, watch=watch)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
