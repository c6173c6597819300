"""Keys and values that attention has computed: of each sequence, and of those that ended lately."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch

BLOCK = 256  # tokens; room grows by whole blocks, so that a step seldom copies


@dataclass(frozen=True)
class Geometry:
    """What one token's keys and values look like in a model."""

    layers: int
    heads: int  # key-value heads
    dim: int  # per head
    dtype: torch.dtype
    device: torch.device


class KeyValues:
    """Keys and values of one token sequence, in all layers.

    ``store`` is [layers, 2, heads, room, dim], keys before values; the first ``length`` positions
    hold ``tokens``.
    """

    def __init__(self, geometry: Geometry, room: int = 0) -> None:
        self.geometry = geometry
        self.tokens: list[int] = []
        self.store = self._allocate(room)

    @property
    def length(self) -> int:
        """Tokens whose keys and values are stored."""
        return len(self.tokens)

    @property
    def room(self) -> int:
        """Tokens that fit without growing."""
        return self.store.shape[3]

    def reserve(self, length: int) -> None:
        """Make room for ``length`` tokens in all, keeping what is stored."""
        if length > self.room:
            grown = self._allocate(-(-length // BLOCK) * BLOCK)
            grown[:, :, :, : self.length] = self.store[:, :, :, : self.length]
            self.store = grown

    def write(self, layer: int, new: torch.Tensor) -> torch.Tensor:
        """Store ``new`` [2, heads, n, dim] after the last token; return all, up to its end."""
        end = self.length + new.shape[2]
        self.store[layer, :, :, self.length : end] = new
        return self.store[layer, :, :, :end]

    def advance(self, tokens: Sequence[int]) -> None:
        """Every layer has written these tokens."""
        self.tokens.extend(tokens)

    def prefix(self, length: int) -> "KeyValues":
        """A copy of the first ``length`` tokens."""
        copy = KeyValues(self.geometry)
        copy.reserve(length)
        copy.store[:, :, :, :length] = self.store[:, :, :, :length]
        copy.tokens = self.tokens[:length]
        return copy

    def _allocate(self, room: int) -> torch.Tensor:
        shape = self.geometry
        return torch.empty(
            (shape.layers, 2, shape.heads, room, shape.dim), dtype=shape.dtype, device=shape.device
        )


class PrefixStore:
    """The sequences that ended last, up to ``limit`` tokens, for the next turn to start from."""

    def __init__(self, geometry: Geometry, limit: int) -> None:
        self._geometry = geometry
        self._limit = limit
        self._kept: list[KeyValues] = []  # least recently used first

    def keep(self, ended: KeyValues) -> None:
        """Take over a sequence, dropping the oldest where there is no room for all."""
        if ended.length:
            self._kept.append(ended)
        while sum(kept.room for kept in self._kept) > self._limit:
            self._kept.pop(0)

    def begin(self, prompt: Sequence[int], running: Iterable[KeyValues]) -> KeyValues:
        """Keys and values to begin ``prompt`` with: the longest known beginning, or nothing.

        At least one token of the prompt is left to compute, since its logits are needed.
        """
        known = [*running, *self._kept]
        lengths = [common(prompt[:-1], each.tokens) for each in known]
        longest = max(lengths, default=0)
        if longest == 0:
            return KeyValues(self._geometry)
        best = known[lengths.index(longest)]
        if best in self._kept:
            self._kept.remove(best)
            if longest == best.length:
                return best
            self._kept.append(best)
        return best.prefix(longest)


def common(one: Sequence[int], other: Sequence[int]) -> int:
    """Length of the beginning that two sequences share."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))
