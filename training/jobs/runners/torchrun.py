"""Runs an iteration in several processes of this machine that compute together (torchrun)."""

from collections.abc import Sequence
from typing import IO

from training.jobs.runners.local import LocalRunner
from tutelage.errors import Unavailable
from tutelage.settings import Settings

STOP_SECONDS = 20  # before they are killed; the local runner waits longer


class TorchrunRunner(LocalRunner):
    """``python -m tutelage iterate --processes N --id …``, which calls ``launch``."""

    def __init__(self, settings: Settings, output: IO[bytes] | None = None) -> None:
        super().__init__(settings, output)
        self.command = (*self.command, "--processes", str(settings.processes))


def launch(processes: int, command: Sequence[str]) -> None:
    """Runs a ``tutelage`` command in processes that are watched: where one dies, all end.

    Each sees one GPU, where there are any. Raises Unavailable where they did not end well. They are
    not started again here, as torchrun can: the worker does so with every run that died, and gloo
    connects processes that torchrun started again only sometimes.
    """
    from torch.distributed import run
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    options = [
        "--standalone",
        f"--nproc-per-node={processes}",
        "--max-restarts=0",
        f"--shutdown-timeout={STOP_SECONDS}",
        "--virtual-local-rank",
    ]
    try:
        run.main([*options, "-m", "tutelage", *command])
    except ChildFailedError as error:
        raise Unavailable(
            "A training process died. Complete stages are kept: run the same command to resume."
        ) from error
    except SignalException as ended:
        raise KeyboardInterrupt from ended
