"""Runs an iteration in several processes of this machine that compute together (torchrun)."""

from collections.abc import Sequence
from typing import IO

from training.jobs.runners.local import LocalRunner
from tutelage.errors import Unavailable
from tutelage.settings import Settings

RESTARTS = 3  # of all processes, after the death of one
STOP_SECONDS = 20  # before they are killed; the local runner waits longer


class TorchrunRunner(LocalRunner):
    """``python -m tutelage iterate --processes N --id …``, which calls ``launch``."""

    def __init__(self, settings: Settings, output: IO[bytes] | None = None) -> None:
        super().__init__(settings, output)
        self.command = (*self.command, "--processes", str(settings.processes))


def launch(processes: int, command: Sequence[str]) -> None:
    """Runs a ``tutelage`` command in processes that are watched, and started again together.

    Each sees one GPU, where there are any. Raises Unavailable when they died too often.
    """
    from torch.distributed import run
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    options = [
        "--standalone",
        f"--nproc-per-node={processes}",
        f"--max-restarts={RESTARTS}",
        f"--shutdown-timeout={STOP_SECONDS}",
        "--virtual-local-rank",
    ]
    try:
        run.main([*options, "-m", "tutelage", *command])
    except ChildFailedError as error:
        raise Unavailable(
            f"The training processes died {RESTARTS + 1} times. Complete stages are kept: run the "
            "same command to resume."
        ) from error
    except SignalException as ended:
        raise KeyboardInterrupt from ended
