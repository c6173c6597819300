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


@pytest.fixture
def ensemble() -> Ensemble:
    """Of judgements that say much about the first feature and nothing about the second."""
    generator = torch.Generator().manual_seed(0)
    features, rows = [], []
    for number in range(40):
        answers = torch.randn(2, 3, generator=generator) * torch.tensor([1.0, 1.0, 0.0])
        answers[:, 2] = 20.0  # tokens
        won = float(answers[0, 0] > answers[1, 0])
        features.append(answers)
        tokens = [torch.ones(20, dtype=torch.long)] * 2
        rows.append(PreferenceExample(str(number), tokens[0], tokens, [(0, 1, won)], None, 1.0))
    return fit_ensemble(fit(rows, features, CONFIG), rows, features, CONFIG, seed=1)


def pair(first: float, second: float) -> Tensor:
    """Two answers that differ by so much in each feature."""
    return torch.tensor([[first, second, 20.0], [-first, -second, 20.0]])


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
