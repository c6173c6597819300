"""Forward passes of a top over episodes, from the trunk's states that the rollout has kept.

P is the length of an episode's prompt, T that of its response, H the hidden size. The state at a
position predicts the token behind it, so states P - 1 .. P + T - 2 predict the response.
"""

from functools import partial

import torch
from torch import Tensor, nn

from training import rlhf
from training.model.batching import buckets, common_prefix, pad
from training.model.split_model import SplitModel
from training.ppo.rollout import Episode

PASS_TOKENS = 2048  # padded tokens of one pass without gradients, on a CPU


def forward(
    model: SplitModel, layers: nn.ModuleList, episodes: list[Episode]
) -> tuple[Tensor, Tensor]:
    """One pass: final states of what all prompts begin with [C, H], and of each rest [B, L, H]."""
    common = common_prefix([e.prompt.tolist() for e in episodes])
    rest = pad([e.hidden[common:] for e in episodes])
    top = partial(model.top, layers)
    first, rows = model.share_prefix(top, episodes[0].hidden[None, :common], rest)
    return first[0], rows


def final_hidden_states(
    model: SplitModel, layers: nn.ModuleList, episodes: list[Episode]
) -> list[Tensor]:
    """Final states of each episode, [P + T - finished, H], in passes of ``PASS_TOKENS`` tokens."""
    found: dict[int, Tensor] = {}
    for group in buckets([len(e.hidden) for e in episodes], model.pass_tokens(PASS_TOKENS)):
        rows = [episodes[i] for i in group]
        common, finals = forward(model, layers, rows)
        found |= {
            i: torch.cat((common, final[: len(e.hidden) - len(common)]))
            for i, e, final in zip(group, rows, finals, strict=True)
        }
    return [found[i] for i in range(len(episodes))]


def response_states(final: Tensor, episode: Episode, skipped: int = 0) -> Tensor:
    """The states that predict a response's tokens: [P + T - finished - skipped, H] -> [T, H].

    Args: skipped: how many of the prompt's states ``final`` does without.
    """
    start = len(episode.prompt) - 1 - skipped
    return final[start : start + len(episode.response)]


def response_logprobs(
    model: SplitModel, final: Tensor, episode: Episode, temperature: float
) -> Tensor:
    """Log-probabilities of a response's tokens: final [P + T - finished, H] -> [T]."""
    states = response_states(final, episode)
    return rlhf.logprobs_and_entropy(states, model.head, episode.response, temperature)[0]
