"""Keeps the filter on the moderation heads that an operator activated."""

import logging

from moderation.appeals import registry
from moderation.classifiers.factory import open_classifier
from moderation.classifiers.hot_swap import SwappableClassifier
from server.services import Services

logger = logging.getLogger(__name__)

EVERY = 3.0  # seconds between two looks at the store


class ModerationWatcher:
    """Follows the store, so that all processes on one database change together."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._tried: str | None = None  # the version that was last loaded, or failed to

    def refresh(self) -> None:
        """Load the active heads unless they are loaded.

        A failure is raised and leaves the old heads active; it is not tried again.
        """
        services = self._services
        if not isinstance(services.classifier, SwappableClassifier):
            return
        with services.store.read() as session:
            version = registry.active_version(session)
        if version == self._tried:
            return
        self._tried = version
        folder = registry.folder(services.settings.data) / version if version else None
        classifier = open_classifier(services.settings, folder)
        assert classifier is not None
        services.classifier.use(classifier)
        logger.info("The filter uses %s from now on.", classifier.version)
