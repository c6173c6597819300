from pathlib import Path

import pytest
import torch
from ppo_runs import EVAL_PROMPTS, PROMPTS, new_run, run, with_ppo

from training.config import IterationConfig
from tutelage.errors import Invalid


def test_no_prompt_short_enough_is_refused(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    with pytest.raises(Invalid, match="No prompt"):
        run(tiny_policy, rewards, with_ppo(smoke, max_prompt_tokens=3), tmp_path)


def test_every_prompt_is_used_once_before_any_twice(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    ppo = new_run(tiny_policy, rewards, with_ppo(smoke, batch=3), tmp_path)
    ppo.collector.set_prompts(PROMPTS, [])
    both = ppo.collector.batch_prompts(0) + ppo.collector.batch_prompts(1)
    assert sorted(both) == sorted(ppo.tokenizer.prompt(p) for p in PROMPTS)


def test_eval_prompts_get_the_same_random_numbers_at_every_update_and_training_prompts_do_not(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    one_prompt = PROMPTS[:1]
    ppo = new_run(tiny_policy, rewards, with_ppo(smoke, temperature=1.0), tmp_path)
    ppo.collector.set_prompts(one_prompt, EVAL_PROMPTS)
    first, second = (ppo.collector.sample_rollouts(update) for update in (0, 1))
    for a, b in zip(first.eval, second.eval, strict=True):
        assert torch.equal(a.response, b.response)
    assert any(
        not torch.equal(a.response, b.response)
        for a, b in zip(first.on_policy, second.on_policy, strict=True)
    )


def test_no_more_eval_prompts_are_used_than_the_settings_say(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    ppo = new_run(tiny_policy, rewards, with_ppo(smoke, eval_prompts=2), tmp_path)
    ppo.collector.set_prompts(PROMPTS, EVAL_PROMPTS)
    assert [len(role) for role in ppo.collector.sample_rollouts(0)] == [0, smoke.ppo.batch, 2]
