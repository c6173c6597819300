from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from ppo_runs import EVAL_PROMPTS, PROMPTS, history, new_run, run, sampled, with_ppo

from training import rlhf
from training.config import IterationConfig, PPOConfig
from training.model.load import load_model
from training.reward.features import all_features, trunk_states
from training.reward.model import RewardModel
from training.reward.preferences import PreferenceExample
from tutelage.policies.adapter import ADAPTER_WEIGHTS


def mean_score(policy: Path, scored_by: Path, reference: Path, config: IterationConfig) -> float:
    """The mean score of a policy's responses, computed apart from PPO."""
    rows = [
        PreferenceExample("", row[0].prompt, [e.words for e in row if len(e.words)], [], 1.0)
        for row in sampled(policy, config, 9, 16)
    ]
    model = load_model(reference, config)
    features = all_features(model, model.reference, rows, [trunk_states(model, r) for r in rows])
    return float(RewardModel.load(scored_by).score(torch.cat(features)).mean())


def without_times(rows: list[dict[str, float]]) -> list[dict[str, float]]:
    return [{k: v for k, v in row.items() if not k.startswith("seconds")} for row in rows]


def test_it_raises_what_the_reward_model_likes(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    config = with_ppo(
        smoke, updates=10, batch=48, epochs=4, learning_rate=1e-2, temperature=1.0,
        minibatch=16, kl_coef=0.01, missing_eos_penalty=0.0, kl_budget=50.0,
    )  # fmt: skip
    run(tiny_policy, rewards, config, tmp_path)
    before, after = (
        mean_score(policy, rewards / "held_out", tiny_policy, smoke)
        for policy in (tiny_policy, tmp_path / "policy")
    )
    assert after > before + 0.5


def test_the_first_policy_is_the_reference(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    run(tiny_policy, rewards, smoke, tmp_path)
    first, *later = history(tmp_path)
    assert abs(first["objective/kl"]) < 1e-4
    assert all(row["objective/kl_k3"] > 1e-3 for row in later)


class Killed(Exception):
    pass


def test_a_run_that_was_killed_ends_as_one_that_was_not(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    config = with_ppo(smoke, updates=3)

    def kill(stage: str, done: int, total: int, metrics: Mapping[str, float]) -> None:
        if done == 3:
            raise Killed

    with pytest.raises(Killed):
        run(tiny_policy, rewards, config, tmp_path / "killed", kill)
    resumed = run(tiny_policy, rewards, config, tmp_path / "killed")
    whole = run(tiny_policy, rewards, config, tmp_path / "whole")
    assert without_times([resumed, *history(tmp_path / "killed")]) == without_times(
        [whole, *history(tmp_path / "whole")]
    )
    first, second = (
        (tmp_path / name / "policy" / ADAPTER_WEIGHTS).read_bytes() for name in ("killed", "whole")
    )
    assert first == second


def test_the_kl_coefficient_adapts_towards_its_target(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    run(tiny_policy, rewards, with_ppo(smoke, kl_target=100.0), tmp_path)
    coefs = [row["kl_coef"] for row in history(tmp_path)]
    assert coefs == sorted(coefs, reverse=True)
    assert coefs[-1] < coefs[0] == smoke.ppo.kl_coef


def test_whitened_rewards_have_unit_variance_and_their_own_mean(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    rewards_of = {}
    for whiten in (False, True):
        ppo = new_run(tiny_policy, rewards, with_ppo(smoke, whiten_rewards=whiten), tmp_path)
        ppo.collector.set_prompts(PROMPTS, EVAL_PROMPTS)
        batch = ppo.maker.make_experience(ppo.collector.sample_rollouts(0)).train
        rewards_of[whiten] = ppo.token_rewards(batch)[batch.mask]
    plain, whitened = rewards_of[False], rewards_of[True]
    mean, spread = plain.mean(), plain.std(correction=0)
    assert abs(spread - 1) > 0.1
    torch.testing.assert_close(whitened, (plain - mean) / spread + mean, atol=1e-4, rtol=1e-4)


def test_values_are_about_the_mean_return_of_each_batch_and_have_not_seen_it_otherwise(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    ppo = new_run(tiny_policy, rewards, with_ppo(smoke, missing_eos_penalty=5.0), tmp_path)
    ppo.collector.set_prompts(PROMPTS, EVAL_PROMPTS)
    batch = ppo.maker.make_experience(ppo.collector.sample_rollouts(0)).train
    token_rewards = ppo.token_rewards(batch)
    learned, metrics = ppo.learn_values(batch, token_rewards)
    returns = token_rewards.flip(1).cumsum(1).flip(1)
    assert rlhf.masked_mean(returns - batch.values, batch.mask) < -1
    assert abs(rlhf.masked_mean(returns - learned.values, batch.mask)) < 1e-4
    shifts = (learned.values - batch.values)[batch.mask]
    torch.testing.assert_close(shifts, shifts[:1].expand_as(shifts))
    assert metrics["value/explained_variance"] < 1


def test_settings_default_to_the_papers() -> None:
    assert (PPOConfig().gamma, PPOConfig().lam, PPOConfig().clip_range) == (1.0, 0.95, 0.2)
