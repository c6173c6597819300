"""Rows of different lengths in one forward pass: padding, buckets of like lengths."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

Step = Callable[[Tensor, Tensor, Any, Any], Tensor]  # inputs, positions, cache, mask -> hidden


def pad(rows: list[Tensor]) -> Tensor:
    """Stacks tensors of different lengths, padded with zeros on the right: [B, T, ...].

    Behind the last real token nothing is read, so causal attention needs no mask.
    """
    return pad_sequence(rows, batch_first=True)


def positions(hidden: Tensor) -> Tensor:
    """0, 1, 2, ... for each row: [B, T, ...] -> [B, T]."""
    return torch.arange(hidden.shape[1], device=hidden.device).expand(hidden.shape[0], -1)


def buckets(lengths: list[int], tokens: int) -> Iterator[list[int]]:
    """Indexes of rows of like lengths, grouped so that a padded batch has at most ``tokens``."""
    batch: list[int] = []
    for i in sorted(range(len(lengths)), key=lambda i: (lengths[i], i)):
        if batch and lengths[i] * (len(batch) + 1) > tokens:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def pass_tokens(usual: int, token_bytes: int, device: torch.device) -> int:
    """Padded tokens of one pass: on a GPU as many as half of its free memory holds.

    ``usual`` is the least, and on a CPU the number: there longer passes gain nothing.
    """
    if device.type != "cuda":
        return usual
    free, _ = torch.cuda.mem_get_info(device)
    cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return max(usual, (free + cached) // 2 // token_bytes)


def common_prefix(prompts: list[list[int]]) -> int:
    """How many tokens all prompts begin with, short of the last token of any.

    The chat template and the system prompt are the same for all; often they are half a prompt.
    """
    shortest = min(prompts, key=len)
    same = itertools.takewhile(
        lambda t: all(prompt[t] == shortest[t] for prompt in prompts), range(len(shortest) - 1)
    )
    return sum(1 for _ in same)


def causal_mask(length: int, before: int, device: torch.device) -> Tensor:
    """What ``length`` tokens may attend to after ``before`` others: [1, 1, length, all]."""
    allowed = torch.ones(length, before + length, dtype=torch.bool, device=device)
    return allowed.tril(before)[None, None]
