"""Keeps the filter on the moderation heads that an operator activated."""

import logging
import time

from moderation.appeals import registry
from moderation.classifiers.factory import open_classifier
from moderation.classifiers.hot_swap import SwappableClassifier
from server.services import Services
from tutelage.errors import TutelageError

logger = logging.getLogger(__name__)

EVERY = 3.0  # seconds between two looks at the store
RETRY_SECONDS = 60.0  # after heads that could not be loaded, as when shared storage is away


class ModerationWatcher:
    """Follows the store, so that all processes on one database change together."""

    def __init__(self, services: Services) -> None:
        self.problem: str | None = None  # why the active heads are not loaded
        self._services = services
        self._loaded: str | None = None
        self._failed: str | None = None
        self._retry_at = 0.0

    def refresh(self) -> None:
        """Load the active heads unless they are loaded.

        A failure leaves the old heads active; it is tried again after a while.
        """
        services = self._services
        if not isinstance(services.classifier, SwappableClassifier):
            return
        with services.store.read() as session:
            version = registry.active_version(session)
        if version == self._loaded:
            self.problem = self._failed = None
        elif version != self._failed or time.monotonic() >= self._retry_at:
            self._load(services.classifier, version)

    def _load(self, swappable: SwappableClassifier, version: str | None) -> None:
        data = self._services.settings.data
        try:
            folder = registry.folder(data, self._services.storage) / version if version else None
            classifier = open_classifier(self._services.settings, folder)
        except Exception as error:
            self._failed, self._retry_at = version, time.monotonic() + RETRY_SECONDS
            reason = error.message if isinstance(error, TutelageError) else type(error).__name__
            self.problem = f"{version} could not be loaded ({swappable.version} is used): {reason}"
            logger.exception("%s", self.problem)
            return
        assert classifier is not None
        swappable.use(classifier)
        self._loaded, self.problem, self._failed = version, None, None
        logger.info("The filter uses %s from now on.", classifier.version)
