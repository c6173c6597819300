"""The ensemble disagrees where nobody has judged, and says the same when it is read back."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from training.config import RewardModelConfig
from training.reward.ensemble import Ensemble, fit_ensemble
from training.reward.head import fit
from training.reward.preferences import PreferenceExample

CONFIG = RewardModelConfig(heads=6, folds=2, penalties=(1.0,))


def answers_of(first: Tensor, second: Tensor) -> Tensor:
    """Features [K, 6] of answers that ended after 20 tokens, with two states that vary."""
    nothing, one = torch.zeros_like(first), torch.ones_like(first)
    return torch.stack((nothing, first, nothing, second, one, 20 * one), 1)


@pytest.fixture
def ensemble() -> Ensemble:
    """Of judgements that say much about the first feature and nothing about the second."""
    generator = torch.Generator().manual_seed(0)
    features, rows = [], []
    for number in range(40):
        first, second = torch.randn(2, 2, generator=generator)
        answers = answers_of(first, second)
        won = float(first[0] > first[1])
        features.append(answers)
        tokens = [torch.ones(20, dtype=torch.long)] * 2
        rows.append(PreferenceExample(str(number), tokens[0], tokens, [(0, 1, won)], 1.0))
    return fit_ensemble(fit(rows, features, CONFIG), rows, features, CONFIG, seed=1)


def pair(first: float, second: float) -> Tensor:
    """Two answers that differ by so much in each feature."""
    return answers_of(torch.tensor([first, -first]), torch.tensor([second, -second]))


def test_it_agrees_on_what_was_judged(ensemble: Ensemble) -> None:
    assert ensemble.disagreement(pair(2.0, 0.0)) < ensemble.disagreement(pair(0.0, 2.0))


def test_answers_that_are_alike_teach_nothing(ensemble: Ensemble) -> None:
    assert ensemble.disagreement(pair(0.0, 0.0)) == 0


def test_it_is_read_back_the_same(ensemble: Ensemble, tmp_path: Path) -> None:
    ensemble.head.save(tmp_path)
    ensemble.save(tmp_path)
    assert Ensemble.load(tmp_path).disagreement(pair(1.0, 1.0)) == pytest.approx(
        ensemble.disagreement(pair(1.0, 1.0))
    )
