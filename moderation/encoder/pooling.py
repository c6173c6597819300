"""The heads: thirteen logits from a window's token states, by mean pooling and attention pooling.

A category's logit is a linear function of the mean states of the last layers, plus a value per
token of the last layer, weighted by attention (Ilse, Tomczak and Welling 2018), so that one harmful
sentence counts regardless of the harmless ones around it.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from moderation.categories import CATEGORIES
from moderation.encoder.minilm import WIDTH

POOLED_LAYERS = 4
_SCALE = 20.0  # unit vectors of 384 numbers, scaled so that each number is around 1
_RARE = -3.0  # the initial logit: harm is rare


class Pooling(nn.Module):
    """The heads of all categories."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = nn.Linear(POOLED_LAYERS * WIDTH, len(CATEGORIES))
        self.attention = nn.Linear(WIDTH, len(CATEGORIES), bias=False)
        self.value = nn.Linear(WIDTH, len(CATEGORIES), bias=False)
        for weight in (self.mean.weight, self.attention.weight, self.value.weight):
            nn.init.zeros_(weight)
        nn.init.constant_(self.mean.bias, _RARE)

    def forward(self, layers: Sequence[Tensor], mask: Tensor, dropout: float = 0.0) -> Tensor:
        """Logits [texts, 13] from the last layers' states; `mask` [texts, tokens]: real tokens."""
        states = _dropped(layers[-1].float(), dropout)
        pooled = _dropped(mean_states(layers, mask), dropout)
        weights = self.attention(states).masked_fill(~mask.bool()[:, :, None], -1e4).softmax(1)
        logits: Tensor = self.mean(pooled) + (weights * self.value(states)).sum(1)
        return logits


def mean_states(layers: Sequence[Tensor], mask: Tensor) -> Tensor:
    """[texts, POOLED_LAYERS * WIDTH]: the mean states of the last layers, of length _SCALE."""
    read = mask.float()
    share = (read / read.sum(1, keepdim=True)).unsqueeze(1)  # [texts, 1, tokens]
    means = [(share @ layer.float()).squeeze(1) for layer in layers[-POOLED_LAYERS:]]
    return torch.cat([_SCALE * nn.functional.normalize(mean, dim=-1) for mean in means], 1)


def _dropped(rows: Tensor, share: float) -> Tensor:
    return nn.functional.dropout(rows, share) if share else rows
