"""Attention over many sequences in one forward pass: their new tokens lie one after another.

The linear layers see one long row of tokens and read their weights once; only here each token
looks at the keys of its own sequence. So nothing is padded, sequences of all lengths share a step,
and prompts are computed beside tokens that are being decoded (as in Orca, Yu et al. 2022).
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from server.generators.keyvalues import KeyValues

NAME = "tutelage"


class Segment:
    """The next tokens of one sequence, behind those that its keys and values hold already."""

    def __init__(self, kv: KeyValues, tokens: Sequence[int]) -> None:
        self.kv = kv
        self.tokens = tokens
        kv.reserve(kv.length + len(tokens))
        self._causal = kv.length == 0 and len(tokens) > 1
        self._mask = self._visible() if kv.length and len(tokens) > 1 else None

    @property
    def positions(self) -> range:
        """Where the tokens stand in their sequence."""
        return range(self.kv.length, self.kv.length + len(self.tokens))

    def attend(
        self, layer: int, query: torch.Tensor, new: torch.Tensor, scaling: float
    ) -> torch.Tensor:
        """Attention of ``query`` [heads, n, dim]; ``new`` [2, kv_heads, n, dim] -> [n, heads, dim].

        The query heads of one key-value head are a group. For a single token the group is the
        query's length, so that the keys are read once and not once a head.
        """
        keys, values = self.kv.write(layer, new)
        heads, n, dim = query.shape
        groups = query.reshape(keys.shape[0], -1, n, dim)
        if n == 1:
            found = scaled_dot_product_attention(
                groups.transpose(1, 2), keys[:, None], values[:, None], scale=scaling
            )
            return found.reshape(1, heads, dim)
        found = scaled_dot_product_attention(
            groups,
            keys[:, None].expand(-1, groups.shape[1], -1, -1),
            values[:, None].expand(-1, groups.shape[1], -1, -1),
            attn_mask=self._mask,
            is_causal=self._causal,
            scale=scaling,
        )
        return found.reshape(heads, n, dim).transpose(0, 1)

    def _visible(self) -> torch.Tensor:
        """Which of all tokens each new one may see: [n, length + n], true on and below it."""
        n, length = len(self.tokens), self.kv.length
        seen = torch.ones(n, length + n, dtype=torch.bool, device=self.kv.store.device)
        return seen.tril(diagonal=length)


def attend(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    *,
    segments: Sequence[Segment],
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """What transformers calls in each layer: query [1, heads, T, dim] -> [1, T, heads, dim]."""
    ends = [len(segment.tokens) for segment in segments]
    queries = query[0].split(ends, dim=1)
    news = torch.cat((key, value)).split(ends, dim=2)
    found = [
        segment.attend(module.layer_idx, q, new, scaling)
        for segment, q, new in zip(segments, queries, news, strict=True)
    ]
    return torch.cat(found).unsqueeze(0), None


AttentionInterface.register(NAME, attend)
