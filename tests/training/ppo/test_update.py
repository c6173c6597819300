from dataclasses import replace
from pathlib import Path

import pytest
import torch
from ppo_runs import EVAL_PROMPTS, PROMPTS, logged_by, new_run, run, with_ppo

from training.config import IterationConfig
from training.model.split_model import adapter_state
from training.ppo.trainer import PPO
from training.ppo.update import value_head
from training.reward.model import RewardModel


def test_a_run_that_diverges_stops_and_keeps_the_last_good_policy(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    result = run(tiny_policy, rewards, with_ppo(smoke, kl_coef=float("nan")), tmp_path)
    assert "not finite" in result["stop_reason"]
    assert result["kept_update"] == 0
    assert (tmp_path / "policy" / "model.safetensors").is_file()


def learn(ppo: PPO, counting: slice | None = None) -> tuple[float, float]:
    """One update; by how much it moved the adapter and the value head.

    Args: counting: the rows whose tokens count; all without it.
    """
    ppo.collector.set_prompts(PROMPTS, EVAL_PROMPTS)
    batch = ppo.maker.make_experience(ppo.collector.sample_rollouts(0)).train
    rewards = ppo.token_rewards(batch)
    batch = ppo.centre_values(batch, rewards)
    if counting is not None:
        weights = torch.zeros_like(batch.weights)
        weights[counting] = batch.weights[counting]
        batch = replace(batch, weights=weights)
    before = _parameters(ppo)
    ppo.policy_update.update_policy(batch, *ppo.gae(batch, rewards), 0)
    adapter, value = (
        float(torch.cat([(a[k] - b[k]).flatten() for k in a]).abs().max())
        for a, b in zip(_parameters(ppo), before, strict=True)
    )
    return adapter, value


def _parameters(ppo: PPO) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    adapter = {k: v.clone() for k, v in adapter_state(ppo.policy).items()}
    return adapter, {k: v.clone() for k, v in ppo.value.state_dict().items()}


def test_replayed_responses_are_learned_from(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    config = with_ppo(smoke, reuse=0.5)
    moved = []
    for counting in (slice(0, 4), slice(0, 0)):
        ppo = new_run(tiny_policy, rewards, config, tmp_path)
        ppo.set_replay_data(logged_by(tiny_policy, smoke))
        moved.append(learn(ppo, counting))
    by_replayed, by_none = moved
    assert min(by_replayed) > 1e-4
    assert by_none == (0.0, 0.0)


def test_only_the_policys_gradient_is_clipped(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    """Adam adds 1e-5 to its denominator, so a norm far below that moves nothing."""
    clipped = new_run(tiny_policy, rewards, with_ppo(smoke, max_grad_norm=1e-9), tmp_path)
    free = new_run(tiny_policy, rewards, smoke, tmp_path)
    (policy_clipped, value_clipped), (policy_free, value_free) = learn(clipped), learn(free)
    assert policy_clipped < 1e-3 * policy_free
    assert value_clipped == pytest.approx(value_free, rel=0.05)


def test_the_value_head_starts_as_the_reward_model(rewards: Path) -> None:
    proxy = RewardModel.load(rewards / "proxy")
    inputs = torch.randn(5, len(proxy.weight), generator=torch.Generator().manual_seed(0))
    expected = inputs @ proxy.weight + proxy.bias
    torch.testing.assert_close(value_head(proxy)(inputs).squeeze(-1), expected)
