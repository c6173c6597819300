"""Choosing the next token of a response from its logits."""

import torch

from server.generators.generator import Sampling

NUCLEUS = 1024  # candidates that are sorted first; nearly always enough, and far below a vocabulary
GREEDY = 1e-4  # temperatures below are greedy: only exact ties could differ, but floats overflow


def choose(logprobs: torch.Tensor, sampling: Sampling, uniform: float) -> int:
    """The next token by inverse transform sampling.

    ``logprobs`` [vocabulary] at temperature 1; ``uniform`` in [0, 1) decides. One number per token
    makes the choice a function of a response's own seed, whatever else is in the batch.
    """
    if sampling.temperature < GREEDY:
        return int(logprobs.argmax())
    probs = (logprobs / sampling.temperature).softmax(-1)
    if sampling.top_p >= 1:
        return _invert(probs, uniform)
    probs, ids = nucleus(probs, sampling.top_p)
    return int(ids[_invert(probs, uniform)])


def nucleus(probs: torch.Tensor, top_p: float) -> tuple[torch.Tensor, torch.Tensor]:
    """The smallest set of most probable tokens whose mass reaches ``top_p`` (Holtzman et al. 2020).

    Returns their probabilities, not normalised, most probable first, and their ids.
    """
    top, ids = probs.topk(min(NUCLEUS, len(probs)))
    if float(top.sum()) < top_p:
        top, ids = probs.sort(descending=True)
    before = top.cumsum(-1) - top
    size = max(1, int((before < top_p).sum()))
    return top[:size], ids[:size]


def _invert(probs: torch.Tensor, uniform: float) -> int:
    """The index at which the cumulated mass passes ``uniform`` of the whole."""
    cumulated = probs.double().cumsum(-1)
    index = torch.searchsorted(cumulated, cumulated[-1] * uniform, right=True)
    return min(int(index), len(probs) - 1)
