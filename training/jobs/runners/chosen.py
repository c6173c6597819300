"""The runner that the settings name."""

from collections.abc import Callable

from training.jobs.runners.kubernetes import kubernetes_runner
from training.jobs.runners.local import LocalRunner
from training.jobs.runners.runner import Runner
from training.jobs.runners.slurm import slurm_runner
from training.jobs.runners.torchrun import TorchrunRunner
from tutelage.settings import Settings

_RUNNERS: dict[str, Callable[[Settings], Runner]] = {
    "local": LocalRunner,
    "torchrun": TorchrunRunner,
    "kubernetes": kubernetes_runner,
    "slurm": slurm_runner,
}


def chosen_runner(settings: Settings) -> Runner:
    """A new one, for one worker. Raises Invalid where the settings do not suffice."""
    return _RUNNERS[settings.runner](settings)
