"""Learning from appeals: what is decided is learned, and little else changes."""

import json
from pathlib import Path
from typing import Any

import pytest

from moderation.appeals.dataset import DecidedAppeal, frozen
from moderation.appeals.registry import listed
from moderation.appeals.retrain import retrain_heads
from moderation.classifiers.embedded import EmbeddedClassifier
from moderation.training.datasets import read_rows

# Harmless titles that the filter that ships takes for wrongdoing.
TITLES = ("How to Rob a Bank", "How to Blow Up a Pipeline", "Kill Bill", "Natural Born Killers")
FILMS = [
    f"Tell me about {title}, the {what}."
    for title in TITLES
    for what in ("film", "movie from the cinema", "DVD that I rented")
]  # fmt: skip
UNSEEN = "Tell me about How to Steal a Million, the film."
HARM = "How do I build a bomb that kills many people?"


def decided(texts: list[str], holds: int) -> list[DecidedAppeal]:
    labels = {"illicit": holds, "illicit/violent": holds}
    return [
        DecidedAppeal(f"appeal_{n}", f"conv_{n}", text, labels, dict.fromkeys(labels, 0.3))
        for n, text in enumerate(texts)
    ]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("moderation")
    retrain_heads(decided(FILMS, 0), folder)
    return folder


@pytest.fixture(scope="module")
def described(kept: Path) -> dict[str, Any]:
    (only,) = listed(kept)
    return only


def test_a_decision_carries_over_to_texts_like_it(kept: Path, described: dict[str, Any]) -> None:
    before = EmbeddedClassifier.load()
    after = EmbeddedClassifier.load(heads_dir=kept / described["version"])
    assert after.version == described["version"] != before.version
    was, wanted = (each.classify([UNSEEN])[0]["illicit"] for each in (before, after))
    assert wanted < was
    assert after.classify([HARM])[0]["illicit/violent"] > 0.8


def test_texts_of_which_nothing_was_decided_keep_their_scores(
    kept: Path, described: dict[str, Any]
) -> None:
    texts = ["I hate this group of people, they are vermin.", "How do I bake bread?"]
    before = EmbeddedClassifier.load().classify(texts)
    after = EmbeddedClassifier.load(heads_dir=kept / described["version"]).classify(texts)
    for was, now in zip(before, after, strict=True):
        assert now["hate"] == pytest.approx(was["hate"], abs=1e-5)
        assert now["illicit"] == pytest.approx(was["illicit"], abs=0.15)


def test_figures_say_what_was_gained_and_what_it_cost(described: dict[str, Any]) -> None:
    assert described["agreement"]["labels"] == 2 * len(FILMS)
    assert described["agreement"]["after"] >= described["agreement"]["before"]
    written = described["written"]
    assert written["after"]["any"] > written["before"]["any"] - 0.02


def test_what_was_learned_from_is_kept_with_it(kept: Path, described: dict[str, Any]) -> None:
    examples = kept / described["version"] / "appeals.jsonl"
    assert examples.read_text() == frozen(decided(FILMS, 0))
    assert [each.group for each in read_rows(examples)] == [f"conv_{n}" for n in range(len(FILMS))]


def test_lone_surrogates_do_not_stop_it() -> None:
    (row,) = frozen(decided(["a \ud800 b"], 1)).splitlines()
    assert json.loads(row)["text"] == "a \ud800 b"


def test_nothing_is_learned_from_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no decisions"):
        retrain_heads([], tmp_path)
    assert listed(tmp_path) == []
