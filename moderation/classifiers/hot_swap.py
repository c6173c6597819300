"""A classifier that can be replaced by another while threads use it."""

from collections.abc import Sequence

from moderation.classifier import ModerationClassifier


class SwappableClassifier:
    """Delegates to the classifier in use; a running call finishes on the one it began with."""

    def __init__(self, classifier: ModerationClassifier) -> None:
        self._used = classifier

    @property
    def version(self) -> str:
        return self._used.version

    @property
    def covers(self) -> frozenset[str]:
        return self._used.covers

    def use(self, classifier: ModerationClassifier) -> None:
        """Use another classifier from the next call on."""
        self._used = classifier

    def classify(self, texts: Sequence[str]) -> list[dict[str, float]]:
        return self._used.classify(texts)
