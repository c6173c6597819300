"""Concurrent requests share one call of the classifier."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from moderation.categories import zero_scores
from moderation.classifiers.batching import BatchedClassifier


class Counting:
    """Counts its calls; holds the first until it is let go; fails on "broken"."""

    version = "counting"
    covers = frozenset[str]()

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.go = threading.Event()
        self.begun = threading.Event()

    def classify(self, texts: Sequence[str]) -> list[dict[str, float]]:
        self.calls.append(len(texts))
        self.begun.set()
        self.go.wait(30)
        if "broken" in texts:
            raise RuntimeError("out of order")
        return [zero_scores() | {"hate": float(text)} for text in texts]


def test_queued_texts_are_classified_together_and_get_their_own_scores() -> None:
    counting = Counting()
    batched = BatchedClassifier(counting)
    with ThreadPoolExecutor(9) as threads:
        first = threads.submit(batched.classify, ["0.0"])
        counting.begun.wait(30)
        others = [threads.submit(batched.classify, [f"0.{n}"]) for n in range(1, 9)]
        while len(batched._queue) < 8:
            pass
        counting.go.set()
        scores = [each.result()[0]["hate"] for each in (first, *others)]
    assert scores == [n / 10 for n in range(9)]
    assert counting.calls == [1, 8]


def test_a_text_that_breaks_the_classifier_fails_its_own_caller_only() -> None:
    counting = Counting()
    batched = BatchedClassifier(counting)
    with ThreadPoolExecutor(3) as threads:
        first = threads.submit(batched.classify, ["0.0"])
        counting.begun.wait(30)
        broken = threads.submit(batched.classify, ["broken"])
        fine = threads.submit(batched.classify, ["0.5"])
        while len(batched._queue) < 2:
            pass
        counting.go.set()
        assert fine.result()[0]["hate"] == 0.5
        with pytest.raises(RuntimeError):
            broken.result()
        first.result()
