"""The composition root: builds what the rest is handed, from the settings, once."""

from dataclasses import dataclass
from pathlib import Path

from tutelage.errors import Unavailable
from tutelage.iteration_folder import IterationFolder
from tutelage.policies.library import PolicyLibrary
from tutelage.settings import Settings
from tutelage.store import Store


@dataclass(frozen=True)
class Core:
    """What every command needs."""

    settings: Settings
    store: Store
    library: PolicyLibrary

    @property
    def iterations(self) -> Path:
        """The folder that holds one folder per iteration."""
        return self.settings.data / "iterations"

    def iteration(self, iteration_id: str) -> IterationFolder:
        """The folder of one iteration, whether it exists yet or not."""
        return IterationFolder(self.iterations / iteration_id)


def open_core(settings: Settings) -> Core:
    """Open the data folder: the database at its newest schema, and the policy library."""
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(
            f"The data folder {settings.data} cannot be used ({error.strerror}). "
            "Choose another with --data or TUTELAGE_DATA."
        ) from error
    store = Store(settings.url)
    store.migrate()
    return Core(settings, store, PolicyLibrary(settings.data / "policies"))
