"""Keeps the filter on the moderation heads that an operator put in force."""

import asyncio
import logging

from fastapi.concurrency import run_in_threadpool

from moderation.appeals import registry
from moderation.classifiers.factory import open_classifier
from moderation.classifiers.hot_swap import SwappableClassifier
from server.services import Services

logger = logging.getLogger(__name__)

WATCH_SECONDS = 3.0


class Heads:
    """Follows the store, so that all processes on one database change together."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._tried: str | None = None  # the version that was last loaded, or failed to

    async def follow(self) -> None:
        """Look for other heads until cancelled."""
        while True:
            try:
                await run_in_threadpool(self.refresh)
            except Exception:
                logger.exception("The moderation heads could not be exchanged; the old ones stay.")
            await asyncio.sleep(WATCH_SECONDS)

    def refresh(self) -> None:
        """Load the heads in force unless they are loaded. A failure is tried once, and raised."""
        services = self._services
        if not isinstance(services.classifier, SwappableClassifier):
            return
        with services.store.read() as session:
            version = registry.in_force(session)
        if version == self._tried:
            return
        self._tried = version
        kept = registry.folder(services.settings.data) / version if version else None
        classifier = open_classifier(services.settings, kept)
        assert classifier is not None
        services.classifier.use(classifier)
        logger.info("The filter reads with %s from now on.", classifier.version)
