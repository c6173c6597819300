"""Training: calibration, thresholds, and heads that learn a tiny made-up set."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from moderation.categories import CATEGORIES
from moderation.classifiers.embedded import EmbeddedClassifier
from moderation.training.datasets import LabelledText
from moderation.training.finetune import FinetuneSettings
from moderation.training.train import (
    Corpus,
    ThresholdCriteria,
    calibrate,
    composed,
    cross_validated,
    read_corpus,
    thresholds,
    train,
)

CLEAN = dict.fromkeys(CATEGORIES, 0)
HATE = CATEGORIES.index("hate")
SETTINGS = FinetuneSettings(epochs=4, warm_up=2, batch=4)
WHO = ("blue", "green", "red", "tall", "old", "new", "loud", "calm")
EXAMPLES = [
    *(LabelledText(f"The {who} are vermin", CLEAN | {"hate": 1}, "made-up", who) for who in WHO),
    *(LabelledText(f"The {who} garden is nice", CLEAN, "made-up", who) for who in WHO),
]


def scored(scores: list[float]) -> torch.Tensor:
    rows = torch.zeros(len(scores), len(CATEGORIES))
    rows[:, HATE] = torch.tensor(scores)
    return rows


def labelled(labels: list[int], source: str = "made-up") -> list[LabelledText]:
    return [LabelledText(f"{n}", CLEAN | {"hate": x}, source, f"{n}") for n, x in enumerate(labels)]


def test_calibration_never_turns_the_order_round() -> None:
    logits = scored([3.0, 2.0, -1.0, -2.0])
    slope, _ = calibrate(logits, labelled([0, 0, 1, 1]))
    assert slope[HATE] > 0


def test_a_threshold_lies_between_harm_and_everyday_texts() -> None:
    examples = labelled([1, 1, 1]) + labelled([0, 0, 0], "written")
    shipped = thresholds(scored([0.9, 0.8, 0.7, 0.1, 0.2, 0.3]), examples, ThresholdCriteria())
    assert 0.3 < shipped["flag"]["hate"] <= 0.7
    assert 0.3 < shipped["block"]["hate"] <= 0.7


def test_few_harmless_texts_about_a_group_are_flagged() -> None:
    about = {f"gardeners {n}": "gardeners" for n in range(2)}
    harmless = [LabelledText(text, {"hate": 0}, "made-up", text) for text in about]
    examples = labelled([1, 1, 1]) + harmless
    scores = scored([0.9, 0.8, 0.7, 0.75, 0.2])
    assert thresholds(scores, examples, ThresholdCriteria())["flag"]["hate"] <= 0.7
    assert thresholds(scores, examples, ThresholdCriteria(), about)["flag"]["hate"] > 0.75


def test_no_everyday_text_is_blocked() -> None:
    examples = labelled([1, 1, 1]) + labelled([0, 0, 0], "written")
    shipped = thresholds(scored([0.9, 0.8, 0.7, 0.1, 0.2, 0.9375]), examples, ThresholdCriteria())
    assert shipped["block"]["hate"] > 0.9375


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("heads")
    train(EXAMPLES, {"made-up": "digest"}, out / "work", out, SETTINGS)
    return out


def test_trained_heads_serve(trained: Path) -> None:
    classifier = EmbeddedClassifier.load(heads_dir=trained)
    bad, good = classifier.classify(["The young are vermin", "The young garden is nice"])
    assert bad["hate"] > good["hate"]


def test_training_records_its_data_and_settings(trained: Path) -> None:
    description = json.loads((trained / "heads.json").read_text())
    assert description["data"] == {"made-up": "digest"}
    assert description["settings"]["rank"] == FinetuneSettings().rank
    assert description["version"].startswith("minilm-")


def test_a_run_that_was_killed_goes_on(trained: Path) -> None:
    kept = trained / "work" / "model" / "checkpoint.safetensors"
    before = kept.stat().st_mtime_ns
    train(EXAMPLES, {"made-up": "digest"}, trained / "work", trained, SETTINGS)
    assert kept.stat().st_mtime_ns == before


class Watched(Corpus):
    """Remembers what the heads of each folder were trained on."""

    def heads(self, seen: Sequence[int], kept: Path) -> dict[str, torch.Tensor]:
        kept.mkdir()
        (kept / "seen").write_text(json.dumps([self.texts[i].text for i in seen]))
        return super().heads(seen, kept)


def test_a_text_is_judged_by_heads_that_were_trained_on_all_others(tmp_path: Path) -> None:
    corpus = Watched(**vars(read_corpus(EXAMPLES, SETTINGS, tmp_path)))
    logits = cross_validated(corpus, EXAMPLES, tmp_path)
    assert logits.shape == (len(EXAMPLES), len(CATEGORIES))
    for fold in {example.fold for example in EXAMPLES}:
        seen = json.loads((tmp_path / f"fold-{fold}" / "seen").read_text())
        assert seen == [example.text for example in corpus.texts if example.fold != fold]


def test_harm_is_composed_with_calm() -> None:
    calm = "A calm and friendly sentence about gardens."
    examples = [LabelledText(calm, CLEAN, "written", calm)]
    examples += [LabelledText(f"vile {n}", CLEAN | {"hate": 1}, "made-up", "g") for n in range(4)]
    found = composed(examples, seed=0)
    assert len(found) == 2
    assert all(each.labels["hate"] and each.text.count(calm) == 2 for each in found)
    assert {each.fold for each in found} == {examples[-1].fold}
