"""Several classifiers as one: the maximum or the mean of their scores."""

from collections.abc import Callable, Sequence
from typing import Literal

from moderation.categories import CATEGORIES
from moderation.classifier import ModerationClassifier

Combination = Literal["max", "mean"]


class EnsembleClassifier:
    """Calls all members. Only the members that cover a category count for its score."""

    def __init__(self, members: Sequence[ModerationClassifier], how: Combination = "max") -> None:
        if not members:
            raise ValueError("an ensemble needs at least one classifier")
        self.version = f"{how}({', '.join(member.version for member in members)})"
        self.covers = frozenset().union(*(member.covers for member in members))
        self._members = members
        self._join: Callable[[Sequence[float]], float] = max if how == "max" else _mean

    def classify(self, texts: Sequence[str]) -> list[dict[str, float]]:
        """Raises the first member's error: partial scores would look like safe ones."""
        answers = [member.classify(texts) for member in self._members]
        return [self._joined([answer[row] for answer in answers]) for row in range(len(texts))]

    def _joined(self, scores: Sequence[dict[str, float]]) -> dict[str, float]:
        joined = {}
        for category in CATEGORIES:
            known = [
                each[category]
                for member, each in zip(self._members, scores, strict=True)
                if category in member.covers
            ]
            joined[category] = self._join(known) if known else 0.0
        return joined


def _mean(scores: Sequence[float]) -> float:
    return sum(scores) / len(scores)
