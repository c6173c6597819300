from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from ppo_runs import DATA, EVAL_PROMPTS, PROMPTS, history, logged_by, new_run, run, with_ppo

from training.config import IterationConfig
from training.model.lora import adapter_state
from training.ppo.trainer import PPO
from training.progress import silent
from tutelage.errors import Invalid
from tutelage.policies.adapter import ADAPTER_WEIGHTS


def test_a_run_that_diverges_stops_and_keeps_the_last_good_policy(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    result = run(tiny_policy, rewards, with_ppo(smoke, kl_coef=float("nan")), tmp_path)
    assert "not finite" in result["stop_reason"]
    assert result["kept_update"] == 0
    assert (tmp_path / "policy" / ADAPTER_WEIGHTS).is_file()


def learn(ppo: PPO, counting: slice | None = None) -> float:
    """One update; by how much it moved the adapter.

    Args: counting: the rows whose tokens count; all without it.
    """
    ppo.collector.set_prompts(PROMPTS, EVAL_PROMPTS)
    batch = ppo.maker.make_experience(ppo.collector.sample_rollouts(0)).train
    rewards = ppo.token_rewards(batch)
    batch, _ = ppo.learn_values(batch, rewards)
    if counting is not None:
        weights = torch.zeros_like(batch.weights)
        weights[counting] = batch.weights[counting]
        batch = replace(batch, weights=weights)
    before = {k: v.clone() for k, v in adapter_state(ppo.policy).items()}
    ppo.policy_update.update_policy(batch, ppo.advantages(batch, rewards), 0)
    after = adapter_state(ppo.policy)
    return float(torch.cat([(after[k] - before[k]).flatten() for k in after]).abs().max())


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
    assert by_replayed > 1e-4
    assert by_none == 0.0


def test_the_gradient_is_clipped(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    """Adam adds 1e-5 to its denominator, so a norm far below that moves nothing."""
    clipped = new_run(tiny_policy, rewards, with_ppo(smoke, max_grad_norm=1e-9), tmp_path)
    free = new_run(tiny_policy, rewards, smoke, tmp_path)
    assert learn(clipped) < 1e-3 * learn(free)


def test_the_learning_rate_falls_to_a_tenth(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    config = with_ppo(smoke, updates=4, learning_rate=1.0)
    update = new_run(tiny_policy, rewards, config, tmp_path).policy_update
    rates = []
    for number in (0, 2, 4):
        update.set_rate(number)
        rates.append(update.optimiser.param_groups[0]["lr"])
    assert rates == pytest.approx([1.0, 0.55, 0.1])


DEMONSTRATIONS = [
    {
        "messages": [
            {"role": "user", "content": f"Question {i}"},
            {"role": "assistant", "content": "It is as it is."},
        ]
    }
    for i in range(12)
]


def with_demonstrations(
    tiny_policy: Path, rewards: Path, config: IterationConfig, out: Path, progress: Any = silent
) -> list[dict[str, float]]:
    """The metrics of a run with PPO-ptx."""
    data = replace(DATA, ptx_data=DEMONSTRATIONS)
    run(tiny_policy, rewards, config, out, progress, data)
    return history(out)


def test_ptx_makes_the_demonstrations_likelier(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    losses = []
    for coefficient in (1e-6, 3.0):
        config = with_ppo(smoke, updates=6, learning_rate=1e-2, kl_budget=1e4)
        config = with_ppo(config, ptx_coef=coefficient)
        rows = with_demonstrations(tiny_policy, rewards, config, tmp_path / str(coefficient))
        losses.append([row["loss/ptx"] for row in rows[:-1]])
    without, with_ptx = losses
    assert with_ptx[-1] < 0.8 * with_ptx[0]
    assert with_ptx[-1] < 0.8 * without[-1]


def test_each_update_draws_other_demonstrations(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    """Without learning, the loss changes with the demonstration alone."""
    config = with_ppo(
        smoke, updates=3, learning_rate=0.0, epochs=1, minibatch=8, ptx_coef=0.5,
        ptx_batch=1,
    )  # fmt: skip
    rows = with_demonstrations(tiny_policy, rewards, config, tmp_path)
    assert len({row["loss/ptx"] for row in rows[:-1]}) > 1


def test_demonstrations_without_a_coefficient_change_nothing(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    rows = with_demonstrations(tiny_policy, rewards, smoke, tmp_path / "with")
    run(tiny_policy, rewards, smoke, tmp_path / "without")
    assert "loss/ptx" not in rows[0]
    first, second = (
        (tmp_path / name / "policy" / ADAPTER_WEIGHTS).read_bytes() for name in ("with", "without")
    )
    assert first == second


def test_a_run_with_ptx_that_was_killed_ends_as_one_that_was_not(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    config = with_ppo(smoke, updates=3, ptx_coef=0.5, ptx_batch=3)

    def kill(stage: str, done: int, total: int, metrics: Mapping[str, float]) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        with_demonstrations(tiny_policy, rewards, config, tmp_path / "killed", kill)
    for name in ("killed", "whole"):
        with_demonstrations(tiny_policy, rewards, config, tmp_path / name)
    first, second = (
        (tmp_path / name / "policy" / ADAPTER_WEIGHTS).read_bytes() for name in ("killed", "whole")
    )
    assert first == second


@pytest.mark.parametrize("shown", [0, 12])
def test_a_coefficient_without_a_dialogue_that_fits_is_refused(
    shown: int, tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    config = replace(with_ppo(smoke, ptx_coef=0.5), sft=replace(smoke.sft, max_tokens=4))
    ppo = new_run(tiny_policy, rewards, config, tmp_path)
    with pytest.raises(Invalid, match="but no demonstration or best-ranked"):
        ppo.set_ptx_data(DEMONSTRATIONS[:shown])
