"""Lexical features: thirteen logits from the words of a window, added to the encoder's.

The encoder represents meaning and loses single words, such as the name of a drug or a slur.
Features are word pieces and adjacent pairs of them with binary counts, weighted by TF-IDF (Spaerck
Jones 1972). Pairs are hashed into buckets.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from moderation.categories import CATEGORIES
from moderation.encoder.minilm import VOCABULARY

BUCKETS = 1 << 16
_PAIRS = BUCKETS - VOCABULARY  # buckets of pairs
_MIXER = 2_654_435_761  # Knuth's multiplicative hash


class Lexical(nn.Module):
    """The lexical part of the heads of all categories."""

    weight: Tensor
    rarity: Tensor
    bias: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(BUCKETS, len(CATEGORIES), dtype=torch.float16))
        self.register_buffer("rarity", torch.zeros(BUCKETS, dtype=torch.float16))
        self.register_buffer("bias", torch.zeros(len(CATEGORIES)))

    def forward(self, windows: Sequence[Sequence[int]]) -> Tensor:
        """Logits [windows, 13] of token ids that begin with [CLS] and end with [SEP]."""
        return torch.stack([self._window(window) for window in windows])

    def _window(self, window: Sequence[int]) -> Tensor:
        found = buckets(window)
        rarity = self.rarity[found].float()
        return nn.functional.normalize(rarity, dim=0) @ self.weight[found].float() + self.bias


def buckets(window: Sequence[int]) -> Tensor:
    """The distinct buckets of a window's word pieces and of their pairs, in order."""
    ids = torch.tensor(window[1:-1], dtype=torch.int64)
    pairs = (ids[:-1] * VOCABULARY + ids[1:]) * _MIXER % (1 << 32) >> 8
    return torch.cat([ids, VOCABULARY + pairs % _PAIRS]).unique()
