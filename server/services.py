"""The services behind the API: the store, the policies, a generator and a classifier."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from moderation import rule_store
from moderation.classifier import ModerationClassifier
from moderation.classifiers.factory import open_classifier
from moderation.classifiers.hot_swap import SwappableClassifier
from moderation.rules import ModerationRules
from server.generators.generator import Generator
from tutelage import extras
from tutelage.artifacts import iterations
from tutelage.artifacts.object_storage import ObjectStorage
from tutelage.composition import Core
from tutelage.errors import Invalid
from tutelage.policies.library import PolicyLibrary
from tutelage.settings import Settings, listed
from tutelage.store import Store

if TYPE_CHECKING:
    from server.generators.embedded.engine import Loader
    from server.generators.remote.engine import Engine


@dataclass(frozen=True)
class Services:
    """Built once by the composition root, or by a test with fakes."""

    settings: Settings
    store: Store
    library: PolicyLibrary
    iterations_folder: Path  # holds one folder per iteration
    generator: Generator
    classifier: ModerationClassifier | None  # None: moderation is switched off
    moderation: ModerationRules  # as the settings have it
    storage: ObjectStorage | None = None  # of policies, iterations and heads, beside the folder

    @property
    def iterations(self) -> Path:
        """The folder that holds one folder per iteration, with what other machines have made."""
        return iterations.up_to_date(self.iterations_folder, self.storage)

    def refresh_copies(self) -> None:
        """Take over what other machines have published or deleted in the object storage."""
        self.library.ids()
        _ = self.iterations

    def rules(self) -> ModerationRules:
        """The active moderation rules: the operator's, else those of the settings."""
        with self.store.read() as session:
            return rule_store.active_rules(session, self.moderation)


def open_services(core: Core) -> Services:
    """The generator and classifier that the settings name."""
    settings = core.settings
    classifier = open_classifier(settings)
    return Services(
        settings=settings,
        store=core.store,
        library=core.library,
        iterations_folder=core.settings.data / "iterations",
        generator=_generator(settings),
        classifier=SwappableClassifier(classifier) if classifier else None,
        moderation=_moderation_rules(settings),
        storage=core.storage,
    )


def _generator(settings: Settings) -> Generator:
    if settings.engine in ("auto", "embedded", "transformers"):
        from server.generators.embedded.engine import EmbeddedGenerator

        return EmbeddedGenerator(
            threads=settings.threads,
            max_batch=settings.max_batch,
            max_queue=settings.max_queue,
            cache_tokens=settings.cache_tokens,
            policies=settings.policies_in_memory,
            weights=settings.weights,
            load=_loader(settings.engine),
        )
    if not listed(settings.engine_url):
        raise Invalid(f"TUTELAGE_ENGINE={settings.engine} requires TUTELAGE_ENGINE_URL.")
    from server.generators.remote.remote import RemoteGenerator

    return RemoteGenerator(_engine(settings))


def _loader(engine: str) -> "Loader":
    """What loads a policy under TUTELAGE_ENGINE."""
    if engine == "embedded":
        from server.generators.embedded.graph_runner import load_policy as load_graph

        return load_graph
    if engine == "transformers":
        from server.generators.paged.runner import load_policy as load_paged

        return load_paged
    from server.generators.choice import load_fitting

    return load_fitting


def _engine(settings: Settings) -> "Engine":
    if settings.engine.startswith("tgi"):
        from server.generators.remote.tgi import TGIEngine, TGIMessagesEngine

        tgi = TGIEngine if settings.engine == "tgi" else TGIMessagesEngine
        return tgi(settings.engine_url, settings.engine_key.get_secret_value())
    extras.require("remote")
    if settings.engine == "vllm":
        from server.generators.remote.vllm import VLLMEngine

        key, most = settings.engine_key.get_secret_value(), settings.max_batch + settings.max_queue
        return VLLMEngine(listed(settings.engine_url), key, most)
    from server.generators.remote.openai import OpenAIEngine

    return OpenAIEngine(settings.engine_url, settings.engine_key.get_secret_value())


def _moderation_rules(settings: Settings) -> ModerationRules:
    try:
        return ModerationRules.from_settings(settings.moderation_actions)
    except ValueError as error:
        raise Invalid(f"TUTELAGE_MODERATION_ACTIONS is invalid: {error}") from error
