"""Batches the texts of concurrent requests into one call of the classifier."""

import threading
from collections.abc import Sequence

from moderation.classifier import ModerationClassifier


class _Waiting:
    """One call's texts, and later its scores or its failure."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts
        self.scores: list[dict[str, float]] | None = None
        self.error: Exception | None = None


class BatchedClassifier:
    """A classifier that many threads share.

    While one thread classifies, others queue up; then one of them classifies the texts of all in
    one call, which costs less than one call each. A single caller never waits.
    """

    def __init__(self, classifier: ModerationClassifier, most: int = 64) -> None:
        """At most `most` texts in a call, unless a single caller passes more."""
        self.version = classifier.version
        self.covers = classifier.covers
        self._classifier = classifier
        self._most = most
        self._turn = threading.Lock()
        self._queue: list[_Waiting] = []
        self._guard = threading.Lock()  # of the queue

    def classify(self, texts: Sequence[str]) -> list[dict[str, float]]:
        """Scores as the classifier gives them; raises what it raised."""
        mine = _Waiting(texts)
        with self._guard:
            self._queue.append(mine)
        while mine.scores is None and mine.error is None:
            with self._turn:
                if mine.scores is None and mine.error is None:
                    self._classify(self._next())
        if mine.error is not None:
            raise mine.error
        assert mine.scores is not None
        return mine.scores

    def _next(self) -> list[_Waiting]:
        with self._guard:
            taken, texts = 0, 0
            while taken < len(self._queue) and (not taken or texts < self._most):
                texts += len(self._queue[taken].texts)
                taken += 1
            batch, self._queue = self._queue[:taken], self._queue[taken:]
        return batch

    def _classify(self, batch: list[_Waiting]) -> None:
        try:
            scores = self._classifier.classify([text for each in batch for text in each.texts])
        except Exception as error:
            if len(batch) == 1:
                batch[0].error = error
            else:  # one caller's text must not fail the others
                for each in batch:
                    self._classify([each])
            return
        for each in batch:
            each.scores, scores = scores[: len(each.texts)], scores[len(each.texts) :]
