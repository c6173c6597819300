"""The features a reward model reads: hidden states of the SFT policy, pooled per response."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from training import parallel
from training.config import IterationConfig
from training.model.batching import pad
from training.model.checkpoint import load_state
from training.model.load import load_model
from training.model.lora import load_adapter, merged
from training.model.split_model import SplitModel
from training.progress import Progress, silent
from training.reward.preferences import PreferenceExample

States = tuple[Tensor, Tensor]  # at the split: of the prompt [1, P, H], of the responses [K, T, H]


def prefix_features(split: Tensor, final: Tensor, prompt: int, finished: bool) -> Tensor:
    """Features of a response after 0, 1, ... n of its tokens; the last row is the response's own.

    The mean of the hidden states over the tokens so far, the last one, and their number; with
    no token yet, the prompt's last state stands in. What scores a whole response therefore also
    values each of its prefixes.

    Args: split, final [P + n, H]; prompt P; finished: whether the response ended by itself, which
    its last row alone tells. Returns: [n + 1, 4 H + 2], in the order of ``PARTS`` and ``FLAGS``.
    """
    states = torch.cat((split, final), -1).float()
    before, tokens = states[prompt - 1 : prompt], states[prompt:]
    count = torch.arange(1, len(tokens) + 1, device=states.device, dtype=states.dtype).unsqueeze(1)
    means = torch.cat((before, tokens.cumsum(0) / count))
    lengths = torch.cat((count.new_zeros(1, 1), count))
    ended = torch.zeros_like(lengths)
    ended[-1] = float(finished)
    return torch.cat((means, torch.cat((before, tokens)), ended, lengths), 1)


@torch.no_grad()
def trunk_states(model: SplitModel, row: PreferenceExample) -> States:
    """Hidden states at the split of one row; computed once, whatever is trained on them."""
    responses = pad(row.responses).to(model.device)
    return model.share_prefix(model.trunk, row.prompt[None].to(model.device), responses)


def all_trunk_states(
    model: SplitModel, rows: Sequence[PreferenceExample], progress: Progress = silent
) -> list[States]:
    """``trunk_states`` of each row."""

    def work(own: Sequence[PreferenceExample]) -> list[States]:
        found = []
        for done, row in enumerate(own, 1):
            found.append(trunk_states(model, row))
            progress("reward_model", done, len(own), {})
        return found

    return parallel.shared(rows, work, tokens_of)


def tokens_of(row: PreferenceExample) -> int:
    """How many tokens a row's passes compute."""
    return len(row.prompt) + sum(map(len, row.responses))


def features_of(
    model: SplitModel, layers: nn.ModuleList, row: PreferenceExample, states: States
) -> Tensor:
    """Features [K, D] of a row's responses; the prompt is computed once for all."""
    finals = model.share_prefix(partial(model.top, layers), *states)
    return torch.stack(
        [
            prefix_features(
                _whole(states, i, n), _whole(finals, i, n), len(row.prompt), row.ended(i)
            )[-1]
            for i, n in enumerate(map(len, row.responses))
        ]
    )


def _whole(states: States, i: int, tokens: int) -> Tensor:
    """The prompt's states and those of response ``i``: [P + tokens, H]."""
    return torch.cat((states[0][0], states[1][i, :tokens]))


@torch.no_grad()
def all_features(
    model: SplitModel, layers: nn.ModuleList, rows: list[PreferenceExample], states: list[States]
) -> list[Tensor]:
    """Features [K, D] of each row, on the CPU, where heads are fitted."""

    def work(own: Sequence[int]) -> list[Tensor]:
        return [features_of(model, layers, rows[i], states[i]).cpu() for i in own]

    return parallel.shared(range(len(rows)), work, lambda i: tokens_of(rows[i]))


def sft_policy(parent: Path, adapter: Path, config: IterationConfig) -> SplitModel:
    """What SFT made of the parent: the policy whose features the reward models read."""
    model = load_model(parent, config)
    if adapter.is_file():
        layers = model.adapted(config.sft.lora_rank, config.sft.lora_alpha, config.seed)
        load_adapter(layers, load_state(adapter)[0])
        model.reference = merged(layers)
    return model
