"""Drawn heads differ where nothing was judged, and where labelers differ."""

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from training.config import RewardModelConfig
from training.reward.doubt import Doubt, draw_heads
from training.reward.head import fit
from training.reward.model import RewardModel
from training.reward.preferences import PreferenceExample

CONFIG = RewardModelConfig(drawn_heads=24, folds=2, penalties=(0.3,), length_control="off")
PROBE = torch.tensor([[1.0, 0.0, 0.0, 0.0, 1.0, 20.0], [0.0, 0.0, 0.0, 1.0, 1.0, 20.0]])


def judged(count: int = 60) -> tuple[list[PreferenceExample], list[Tensor]]:
    """Comparisons that the first feature decides; the fourth hardly varies."""
    generator = torch.Generator().manual_seed(0)
    rows, features = [], []
    for number in range(count):
        answers = torch.randn(2, 5, generator=generator) * torch.tensor([1.0, 1.0, 1.0, 1e-3, 0.0])
        answers[:, 4] = 20.0
        answers = torch.cat((answers[:, :4], torch.ones(2, 1), answers[:, 4:]), 1)  # all ended
        won = float(answers[0, 0] > answers[1, 0])
        tokens = [torch.ones(20, dtype=torch.long)] * 2
        features.append(answers)
        rows.append(PreferenceExample(str(number), tokens[0], tokens, [(0, 1, won)], 1.0))
    return rows, features


def drawn(rows: list[PreferenceExample], features: list[Tensor]) -> tuple[RewardModel, Doubt]:
    reward = fit(rows, features, CONFIG)
    return reward, draw_heads(reward, rows, features, CONFIG, seed=1)


def test_heads_agree_on_what_was_judged_and_keep_its_scale() -> None:
    rows, features = judged()
    reward, doubt = drawn(rows, features)
    everything = torch.cat(features)
    mean, spread = doubt.scores(reward, everything).mean(1), doubt.scores(reward, everything).std(1)
    assert torch.corrcoef(torch.stack((mean, reward.score(everything))))[0, 1] > 0.9
    assert 0.5 < mean.std() / reward.score(everything).std() < 2
    assert spread.mean() < mean.std()


def test_more_judgements_leave_less_doubt() -> None:
    few, many = (drawn(*judged(count)) for count in (20, 200))
    spreads = [
        (doubt.weights.std(0) / doubt.weights.mean(0).abs().max())[0] for _, doubt in (few, many)
    ]
    assert spreads[1] < spreads[0]


def test_labelers_are_drawn_whole_where_there_are_many() -> None:
    rows, features = judged()
    several = [replace(row, author=f"labeler {i % 12}") for i, row in enumerate(rows)]
    alone, together = (drawn(each, features)[1] for each in (rows, several))
    assert not torch.equal(alone.weights, together.weights)
    few = [replace(row, author=f"labeler {i % 3}") for i, row in enumerate(rows)]
    assert torch.equal(drawn(few, features)[1].weights, alone.weights)


def test_they_are_read_back_the_same(tmp_path: Path) -> None:
    reward, doubt = drawn(*judged(20))
    doubt.save(tmp_path)
    assert torch.equal(Doubt.load(tmp_path).scores(reward, PROBE), doubt.scores(reward, PROBE))
