from pathlib import Path

import torch
from ppo_runs import EVAL_PROMPTS, PROMPTS, logged_by, new_run, with_method, with_ppo

from training.config import IterationConfig


def test_an_unfinished_response_costs_the_penalty(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    config = with_method(
        with_ppo(smoke, missing_eos_penalty=0.7, score_clip=0.5), "ppo", score_coef=2.0
    )
    ppo = new_run(tiny_policy, rewards, config, tmp_path)
    ppo.collector.set_prompts(PROMPTS, [])
    batch = ppo.maker.make_experience(ppo.collector.sample_rollouts(0)).train
    unfinished = torch.tensor([not e.finished for e in batch.episodes])
    expected = 2 * batch.raw_scores.clamp(-0.5, 0.5) - 0.7 * unfinished
    torch.testing.assert_close(batch.scores, expected)


def test_reference_logprobs_equal_those_of_the_whole_model(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    ppo = new_run(tiny_policy, rewards, smoke, tmp_path)
    ppo.collector.set_prompts(PROMPTS, [])
    batch = ppo.maker.make_experience(ppo.collector.sample_rollouts(0)).train
    for episode, ref, mask in zip(batch.episodes, batch.ref_logprobs, batch.mask, strict=True):
        ids = torch.cat((episode.prompt, episode.response))[None]
        logits = ppo.model.model(ids).logits[0, len(episode.prompt) - 1 : -1]
        each = (logits / smoke.ppo.temperature).log_softmax(-1)
        expected = each.gather(1, episode.response[:, None]).squeeze(1)
        torch.testing.assert_close(ref[mask], expected, atol=1e-4, rtol=0)


def test_each_response_has_the_role_of_its_rollout(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    config = with_ppo(smoke, reuse=0.25)
    ppo = new_run(tiny_policy, rewards, config, tmp_path)
    ppo.set_replay_data(logged_by(tiny_policy, smoke))
    ppo.collector.set_prompts(PROMPTS, EVAL_PROMPTS)
    rollouts = ppo.collector.sample_rollouts(0)
    experience = ppo.maker.make_experience(rollouts)
    assert experience.train.episodes == [*rollouts.replayed, *rollouts.on_policy]
    assert experience.on_policy.episodes == rollouts.on_policy
    assert experience.eval.episodes == rollouts.eval
    assert torch.equal(experience.train.scores[2:], experience.on_policy.scores)
