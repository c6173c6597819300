"""Several classifiers as one: the highest of their scores, or the mean of those who know."""

from collections.abc import Callable, Sequence
from typing import Literal

from moderation.categories import CATEGORIES
from moderation.classifier import ModerationClassifier

Combination = Literal["max", "mean"]


class EnsembleClassifier:
    """Asks all. A category counts only the classifiers that cover it, so none dilutes another."""

    def __init__(self, members: Sequence[ModerationClassifier], how: Combination = "max") -> None:
        if not members:
            raise ValueError("a combination needs at least one classifier")
        self.version = f"{how}({', '.join(member.version for member in members)})"
        self.covers = frozenset().union(*(member.covers for member in members))
        self._members = members
        self._join: Callable[[Sequence[float]], float] = max if how == "max" else _mean

    def classify(self, texts: Sequence[str]) -> list[dict[str, float]]:
        """Raises what the first that fails raises: a half answer is no answer."""
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
