from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.distributions import Categorical
from transformers import AutoModelForCausalLM

from training import rlhf
from training.config import IterationConfig
from training.model.batching import positions
from training.model.load import load_model
from training.model.lora import adapter_state, merged
from training.model.split_model import SplitModel
from training.ppo.rollout import Episode, RolloutSampling, sample

PROMPTS = [[1, 40, 41], [1, 50, 51, 52, 53, 54, 55, 56], [1, 60], [1, 70, 71, 72]]


@pytest.fixture(scope="module")
def model(tiny_policy: Path, smoke: IterationConfig) -> SplitModel:
    return load_model(tiny_policy, smoke)


def random_uniforms(rows: int, steps: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(rows, steps, generator=torch.Generator().manual_seed(seed))


def roll(model: SplitModel, sampling: RolloutSampling, seed: int = 0) -> list[Episode]:
    numbers = random_uniforms(len(PROMPTS), sampling.max_new_tokens, seed)
    return sample(model, model.reference, PROMPTS, numbers, sampling)


def ending(share: int) -> RolloutSampling:
    """Every token up to ``share`` of 384 ends a response, so rows end at different times."""
    return RolloutSampling(1.0, 24, range(share))


def test_logprobs_equal_those_of_a_full_forward_pass(model: SplitModel) -> None:
    for episode in roll(model, replace(ending(20), temperature=0.7)):
        ids = torch.cat((episode.prompt, episode.response))[None]
        logits = model.model(ids).logits[0, len(episode.prompt) - 1 : -1] / 0.7
        expected = Categorical(logits=logits).log_prob(episode.response)
        torch.testing.assert_close(episode.logprobs, expected, atol=1e-4, rtol=0)


def test_rounded_operands_change_logprobs_by_little_and_in_neither_direction(
    tiny_policy: Path, smoke: IterationConfig
) -> None:
    rounding = load_model(tiny_policy, replace(smoke, precision="bf16"))
    adapted = rounding.adapted(4, 8.0, 0)
    with torch.no_grad():
        for parameter in adapter_state(adapted).values():
            parameter.add_(0.05)
    numbers = random_uniforms(64, 24)
    off = [
        episode.logprobs - _logprobs(rounding, adapted, episode)
        for episode in sample(rounding, merged(adapted), PROMPTS * 16, numbers, ending(5))
    ]
    assert torch.cat(off).abs().mean() < 0.02
    assert torch.cat(off).mean().abs() < 0.005


def _logprobs(model: SplitModel, layers: nn.ModuleList, episode: Episode) -> torch.Tensor:
    """What the learner makes of a sampled response."""
    hidden = episode.hidden[None]
    final = model.top(layers, hidden, positions(hidden))[0, len(episode.prompt) - 1 :]
    states = final[: len(episode.response)]
    return rlhf.logprobs_and_entropy(states, model.head, episode.response)[0].detach()


def test_kept_states_equal_those_of_a_full_trunk_pass(model: SplitModel) -> None:
    for episode in roll(model, ending(20)):
        ids = torch.cat((episode.prompt, episode.words))[None]
        expected = model.trunk(ids, positions(ids))[0]
        torch.testing.assert_close(episode.hidden, expected, atol=1e-4, rtol=0)


def test_greedy_responses_equal_those_of_transformers(model: SplitModel, tiny_policy: Path) -> None:
    plain = AutoModelForCausalLM.from_pretrained(tiny_policy)
    for episode in roll(model, RolloutSampling(0.0, 12, {2})):
        expected = plain.generate(
            episode.prompt[None], max_new_tokens=12, do_sample=False, eos_token_id=2
        )[0, len(episode.prompt) :]
        assert episode.response.tolist() == expected.tolist()


def test_a_response_ends_with_its_first_eos(model: SplitModel) -> None:
    episodes = roll(model, ending(40))
    assert any(e.finished for e in episodes)
    for episode in episodes:
        ends = episode.response < 40
        assert bool(ends[-1]) == episode.finished
        assert not ends[:-1].any()


def test_a_response_that_is_cut_has_all_tokens_and_their_states(model: SplitModel) -> None:
    for episode in roll(model, RolloutSampling(1.0, 8, ())):
        assert not episode.finished
        assert len(episode.response) == 8
        assert len(episode.hidden) == len(episode.prompt) + 8


def test_the_same_numbers_give_the_same_responses(model: SplitModel) -> None:
    first, second = (roll(model, ending(20)) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        assert torch.equal(a.response, b.response)
        assert torch.equal(a.hidden, b.hidden)


def test_a_response_does_not_depend_on_the_other_rows_of_the_batch(model: SplitModel) -> None:
    together = roll(model, ending(20))
    for i, prompt in enumerate(PROMPTS):
        numbers = random_uniforms(len(PROMPTS), 24)[i : i + 1]
        alone = sample(model, model.reference, [prompt], numbers, ending(20))[0]
        assert torch.equal(alone.response, together[i].response)


def test_tokens_are_drawn_in_proportion_to_their_probability(model: SplitModel) -> None:
    prompt = PROMPTS[0]
    count = 4000
    numbers = (torch.arange(count).float() / count)[:, None]
    episodes = sample(
        model, model.reference, [prompt] * count, numbers, RolloutSampling(1.0, 1, ())
    )
    drawn = torch.bincount(torch.cat([e.response for e in episodes]), minlength=384) / count
    exact = model.model(torch.tensor([prompt])).logits[0, -1].softmax(-1)
    assert (drawn - exact).abs().max() < 2 / count
