"""Several classifiers as one."""

from moderation.classifier import KeywordClassifier
from moderation.classifiers.ensemble import EnsembleClassifier

ZONK = KeywordClassifier({"zonk": "hate"}, "a")
GLIB = KeywordClassifier({"glib": "hate"}, "b")


class Narrow(KeywordClassifier):
    """Covers sexual content only."""

    def __init__(self) -> None:
        super().__init__({"lewd": "sexual"}, "narrow")
        self.covers = frozenset({"sexual"})


def hate(classifier: EnsembleClassifier, text: str) -> float:
    return classifier.classify([text])[0]["hate"]


def test_the_highest_score_counts() -> None:
    both = EnsembleClassifier([ZONK, GLIB])
    assert [hate(both, text) for text in ("zonk", "glib", "calm")] == [1.0, 1.0, 0.0]
    assert both.version == "max(a, b)"


def test_the_mean_is_over_members_that_cover_the_category() -> None:
    assert hate(EnsembleClassifier([ZONK, GLIB], "mean"), "zonk") == 0.5
    assert hate(EnsembleClassifier([ZONK, Narrow()], "mean"), "zonk") == 1.0
