"""The classifier seam: texts in, thirteen scores each out; and a fake that searches keywords."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from moderation.categories import CATEGORIES, zero_scores
from moderation.encoder.normalize import normalize


class ModerationClassifier(Protocol):
    """Scores texts by category. Implementations may be called from several threads at once."""

    @property
    def version(self) -> str:
        """Identifies the weights behind the scores; stored with every verdict."""
        ...

    @property
    def covers(self) -> frozenset[str]:
        """The categories that it detects; it scores the others 0."""
        ...

    def classify(self, texts: Sequence[str]) -> list[dict[str, float]]:
        """One dict per text, in the order of `texts`; each holds all 13 categories, 0 to 1."""
        ...


class KeywordClassifier:
    """A fake for tests: a text that contains a word scores 1.0 in that word's category.

    Matching ignores case, in the normalised text, also inside longer words.
    """

    def __init__(self, words: Mapping[str, str], version: str = "keyword-1") -> None:
        unknown = sorted(set(words.values()) - set(CATEGORIES))
        if unknown:
            raise ValueError(f"unknown categories {unknown}: use those of moderation.categories")
        self.version = version
        self.covers = frozenset(CATEGORIES)
        self._words = {normalize(word).casefold(): category for word, category in words.items()}

    def classify(self, texts: Sequence[str]) -> list[dict[str, float]]:
        return [self._score(normalize(text).casefold()) for text in texts]

    def _score(self, text: str) -> dict[str, float]:
        found = {category: 1.0 for word, category in self._words.items() if word in text}
        return zero_scores() | found
