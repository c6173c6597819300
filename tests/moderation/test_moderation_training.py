"""Training: calibration, thresholds, and heads that learn a tiny made-up set."""

import json
from pathlib import Path

import pytest
import torch

from moderation.categories import CATEGORIES
from moderation.embedded import EmbeddedClassifier
from moderation.examples import Example
from moderation.train import Heads, Settings, Vectors, calibrate, highest, thresholds, train

CLEAN = dict.fromkeys(CATEGORIES, 0)
HATE = CATEGORIES.index("hate")


def scored(scores: list[float]) -> torch.Tensor:
    rows = torch.zeros(len(scores), len(CATEGORIES))
    rows[:, HATE] = torch.tensor(scores)
    return rows


def labelled(labels: list[int], source: str = "made-up") -> list[Example]:
    return [Example(f"{n}", CLEAN | {"hate": x}, source, f"{n}") for n, x in enumerate(labels)]


def test_a_text_scores_as_its_worst_window() -> None:
    heads = Heads(torch.ones(13, 2), torch.zeros(13))
    vectors = Vectors(torch.tensor([[0.0, 1.0], [2.0, 3.0], [0.5, 0.0]]), torch.tensor([0, 0, 1]))
    assert highest(heads, vectors, 2)[:, HATE].tolist() == [5.0, 0.5]


def test_calibration_never_turns_the_order_round() -> None:
    logits = scored([3.0, 2.0, -1.0, -2.0])
    slope, _ = calibrate(logits, labelled([0, 0, 1, 1]))
    assert slope[HATE] > 0


def test_a_threshold_lies_between_harm_and_everyday_texts() -> None:
    examples = labelled([1, 1, 1]) + labelled([0, 0, 0], "written")
    shipped = thresholds(scored([0.9, 0.8, 0.7, 0.1, 0.2, 0.3]), examples, Settings())
    assert 0.3 < shipped["flag"]["hate"] <= 0.7
    assert 0.3 < shipped["block"]["hate"] <= 0.7


def test_no_everyday_text_is_blocked() -> None:
    examples = labelled([1, 1, 1]) + labelled([0, 0, 0], "written")
    shipped = thresholds(scored([0.9, 0.8, 0.7, 0.1, 0.2, 0.9375]), examples, Settings())
    assert shipped["block"]["hate"] > 0.9375


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("heads")
    vermin = [f"The {who} are vermin" for who in ("blue", "green", "red", "tall", "old", "new")]
    garden = [f"The {what} garden is nice" for what in ("blue", "green", "red", "tall", "old")]
    examples = [Example(t, CLEAN | {"hate": 1}, "made-up", t) for t in vermin]
    examples += [Example(t, CLEAN, "made-up", t) for t in garden]
    train(examples, {"made-up": "digest"}, out, Settings())
    return out


def test_trained_heads_serve(trained: Path) -> None:
    classifier = EmbeddedClassifier.load(heads_dir=trained)
    bad, good = classifier.classify(["The young are vermin", "The young garden is nice"])
    assert bad["hate"] > good["hate"]


def test_training_records_its_data_and_settings(trained: Path) -> None:
    description = json.loads((trained / "heads.json").read_text())
    assert description["data"] == {"made-up": "digest"}
    assert description["settings"]["l2"] == Settings().l2
    assert description["version"].startswith("minilm-")
