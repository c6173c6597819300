from pathlib import Path

import torch

from training.reward.model import RewardModel


def test_values_begin_as_the_mean_and_grow_into_the_score(rewards: Path) -> None:
    likes = RewardModel.load(rewards / "proxy")
    usual = int(likes.center[-1].ceil())
    prefixes = torch.randn(usual + 1, len(likes.weight), generator=torch.Generator().manual_seed(0))
    prefixes[:, -1] = torch.arange(usual + 1)
    values = likes.value_inputs(prefixes) @ likes.weight + likes.bias
    torch.testing.assert_close(values[0], likes.bias)
    torch.testing.assert_close(values[-1], likes.score(prefixes[-1]))
