from pathlib import Path

import pytest
import torch
from ppo_runs import logged_by, new_run, with_ppo

from training.config import IterationConfig


def test_logged_responses_of_the_same_policy_count_as_its_own(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    config = with_ppo(smoke, reuse=0.5, temperature=1.0)
    ppo = new_run(tiny_policy, rewards, config, tmp_path)
    ppo.set_replay_data(logged_by(tiny_policy, smoke))
    replayed = ppo.collector.replay.draw(0)
    assert len(replayed) == config.ppo.batch // 2
    scored = ppo.maker.score(replayed)
    torch.testing.assert_close(scored.weights, scored.mask.float(), atol=1e-3, rtol=0)
    behaviour = torch.cat(
        [e.behaviour_logprobs for e in replayed if e.behaviour_logprobs is not None]
    )
    torch.testing.assert_close(scored.logprobs[scored.mask], behaviour, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("limit", [1.0, 3.0, 1e9])
def test_weights_are_truncated_at_the_limit_of_the_settings(
    limit: float, tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    """Each token is e times likelier now than it was when it was logged."""
    config = with_ppo(smoke, reuse=0.5, reuse_limit=limit, temperature=1.0)
    ppo = new_run(tiny_policy, rewards, config, tmp_path)
    logged = logged_by(tiny_policy, smoke)
    for row in logged:
        row["logprobs"] = [logprob - 1.0 for logprob in row["logprobs"]]
    ppo.set_replay_data(logged)
    scored = ppo.maker.score(ppo.collector.replay.draw(0))
    so_far = scored.mask.cumsum(1) * scored.mask
    expected = torch.exp(so_far.float()).clamp(max=limit) * scored.mask
    torch.testing.assert_close(scored.weights, expected, atol=0, rtol=1e-2)


def test_what_is_longer_than_the_settings_allow_is_not_replayed(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    ppo = new_run(tiny_policy, rewards, with_ppo(smoke, reuse=0.5, max_new_tokens=8), tmp_path)
    logged = [row for row in logged_by(tiny_policy, smoke) if len(row["token_ids"]) > 8]
    short = [row | {"token_ids": [40], "logprobs": [-1.0]} for row in logged[:2]]
    ppo.set_replay_data(logged + short)
    assert [len(e.response) for e in ppo.collector.replay.draw(0)] == [1, 1]


def test_at_least_one_response_of_a_batch_is_on_policy(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    ppo = new_run(tiny_policy, rewards, with_ppo(smoke, reuse=1.0), tmp_path)
    ppo.set_replay_data(logged_by(tiny_policy, smoke))
    assert len(ppo.collector.replay.draw(0)) == smoke.ppo.batch - 1
