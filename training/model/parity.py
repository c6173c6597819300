"""Whether a split model computes what transformers does, checked on a short prompt at every load.

A family that is misread would train without an error and end as a policy that is wrong elsewhere.
"""

import torch
from torch import Tensor
from transformers import PreTrainedModel

from training.model.batching import positions
from training.model.decoding import decoding
from training.model.frozen_linear import exact_products
from training.model.split_model import SplitModel

BOUNDS = {torch.float32: 1e-3, torch.bfloat16: 0.25, torch.float16: 0.05}  # nats
PROMPT = 12  # tokens


def bound(dtype: torch.dtype) -> float:
    """Largest difference of a log-probability, in nats, that is rounding in this type."""
    return BOUNDS.get(dtype, 1e-3)


@torch.no_grad()
def largest_difference(model: SplitModel) -> float:
    """Between log-probabilities of the model's own forward and the split one, in nats.

    Compared are a whole prompt, prompts of two lengths read before decoding, and one token decoded
    after each. Nothing of the model may have been released yet.
    """
    ids = sample_ids(model.model, PROMPT + 1, model.device)
    with exact_products():
        own = _logprobs(model.model(ids, use_cache=False).logits)
        hidden = model.trunk(ids, positions(ids))
        split = model.head.product(model.top(model.reference, hidden, positions(ids)))
        pairs = [(_logprobs(split), own), *_decoded(model, ids[0], own[0])]
    return max(difference(found, expected) for found, expected in pairs)


def _decoded(model: SplitModel, ids: Tensor, own: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Log-probabilities after prefill and after one step, with those that they should be."""
    ends = torch.tensor([PROMPT, PROMPT - 3], device=model.device)
    prompts = [ids[:end].tolist() for end in ends.tolist()]
    run = decoding(model, model.reference, prompts, 1)
    run.prefill()
    order = ends[run.rows]
    first = (_logprobs(run.logits()), own[order - 1])
    run.feed(ids[order], 0, last=False)
    return [first, (_logprobs(run.logits()), own[order])]


def sample_ids(model: PreTrainedModel, count: int, device: torch.device) -> Tensor:
    """Some different token ids of a model: [1, count]."""
    vocabulary = model.get_input_embeddings().weight.shape[0]
    return ((torch.arange(count, device=device) * 97 + 11) % vocabulary)[None]


def difference(found: Tensor, expected: Tensor) -> float:
    """Largest over each position's ten likeliest tokens: [..., V], [..., V] -> nats.

    NaN counts as infinitely far.
    """
    likely = expected.topk(min(10, expected.shape[-1]), -1).indices
    gap = (found.gather(-1, likely) - expected.gather(-1, likely)).abs().max()
    return float(gap.nan_to_num(nan=torch.inf))


def _logprobs(logits: Tensor) -> Tensor:
    return torch.log_softmax(logits.float(), -1)
