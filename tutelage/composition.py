"""The composition root: builds what the rest is handed, from the settings, once."""

from dataclasses import dataclass
from pathlib import Path

from tutelage.artifacts import iterations
from tutelage.artifacts.object_storage import ObjectStorage
from tutelage.artifacts.policies import SharedPolicyLibrary
from tutelage.errors import NotFound, Unavailable
from tutelage.installation import saved_settings
from tutelage.iteration_folder import IterationFolder
from tutelage.policies.library import PolicyLibrary
from tutelage.settings import Settings
from tutelage.store import Store, sqlite_file


@dataclass(frozen=True)
class Core:
    """What every command needs."""

    settings: Settings
    store: Store
    library: PolicyLibrary
    storage: ObjectStorage | None = None  # None: the data folder alone

    @property
    def iterations(self) -> Path:
        """The folder that holds one folder per iteration."""
        return iterations.up_to_date(self.settings.data / "iterations", self.storage)

    def iteration(self, iteration_id: str) -> IterationFolder:
        """The folder of one iteration, whether it exists yet or not."""
        folder = IterationFolder(self.settings.data / "iterations" / iteration_id)
        return iterations.fetch(folder, self.storage)


def open_core(settings: Settings) -> Core:
    """Open the data folder, made where there is none: the database at its newest schema."""
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(
            f"The data folder {settings.data} cannot be used ({error.strerror}). "
            "Choose another with --data or TUTELAGE_DATA."
        ) from error
    store = Store(settings.url)
    store.migrate()
    return _core(settings, store)


def open_existing(settings: Settings) -> Core:
    """Open a data folder that a service has made; nothing is created or migrated.

    Raises NotFound when there is none, StoreError when its schema is not this version's.
    """
    require_data(settings)
    store = Store(settings.url)
    store.require_current()
    return _core(settings, store)


def require_data(settings: Settings) -> None:
    """Raises NotFound, with the folder that was looked at, where no service has made its data."""
    file = sqlite_file(settings.url)
    if file is not None and not file.is_file():
        raise NotFound(
            f"No tutelage data in {settings.data.absolute()}. Set TUTELAGE_DATA (or pass --data) "
            "to the data folder of the service; `tutelage setup` makes a new one.",
            "data",
        )


def _core(settings: Settings, store: Store) -> Core:
    saved_settings.apply(settings, store, saved_settings.EDITABLE)
    policies = settings.data / "policies"
    if not settings.artifacts:
        return Core(settings, store, PolicyLibrary(policies))
    settings.data.mkdir(parents=True, exist_ok=True)
    storage = ObjectStorage(settings.artifacts)
    return Core(settings, store, SharedPolicyLibrary(policies, storage), storage)
