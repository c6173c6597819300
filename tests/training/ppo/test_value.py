"""The value model starts as the reward model, learns what can be predicted, and nothing else."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from training import rlhf
from training.ppo.value import ValueModel
from training.reward.model import RewardModel

PROMPTS, TOKENS = 24, 6


@pytest.fixture
def value(rewards: Path) -> ValueModel:
    return ValueModel(RewardModel.load(rewards / "proxy"))


def test_it_starts_as_the_reward_model(value: ValueModel) -> None:
    model = value.reward_model
    prefixes = torch.randn(5, len(model.weight), generator=torch.Generator().manual_seed(0))
    expected = model.value_inputs(prefixes) @ model.weight + model.bias
    torch.testing.assert_close(value(value.inputs(prefixes)), expected)


def batches(value: ValueModel, signal: float) -> tuple[Tensor, list[Tensor], Tensor]:
    """Inputs of prompts that come again, returns of two batches, and the mask."""
    generator = torch.Generator().manual_seed(1)
    prompts = torch.randn(PROMPTS, 1, len(value.weight), generator=generator)
    inputs = prompts.expand(-1, TOKENS, -1) / prompts.shape[-1] ** 0.5
    truth = signal * prompts[:, :, :8].sum(2)
    returns = [
        (truth + torch.randn(PROMPTS, 1, generator=generator)).expand(-1, TOKENS) for _ in range(2)
    ]
    return inputs, returns, torch.ones(PROMPTS, TOKENS, dtype=torch.bool)


def explained(value: ValueModel, inputs: Tensor, returns: Tensor, mask: Tensor) -> float:
    values = value.centre(value(inputs), returns, mask)
    return rlhf.explained_variance(values, returns, mask)


def test_what_a_prompt_is_worth_is_learned_from_the_batch_before(value: ValueModel) -> None:
    value.weight.zero_()
    inputs, (first, second), mask = batches(value, signal=1.0)
    value.fit(inputs, first, mask)
    assert explained(value, inputs, second, mask) > 0.3


def test_noise_is_not_learned(value: ValueModel) -> None:
    value.weight.zero_()
    inputs, (first, second), mask = batches(value, signal=0.0)
    value.fit(inputs, first, mask)
    assert explained(value, inputs, second, mask) > -0.2
