"""Caches of keys and values that the layers of a ``SplitModel`` write to."""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn


class KeyValueCache:
    """Preallocated keys and values of a run of layers, one slot per row, each at its own length.

    Layers call ``update`` (the protocol of transformers' caches). Before a forward pass the caller
    says with ``place`` which rows it is for and at which columns its tokens go.
    """

    def __init__(
        self,
        layers: nn.ModuleList,
        shape: tuple[int, int, int, int],
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        """Args: shape: rows, heads of keys and values, columns (tokens), dimension of a head."""
        empty = partial(torch.zeros, shape, device=device, dtype=dtype)
        self.keys = {_index(layer): empty() for layer in layers}
        self.values = {_index(layer): empty() for layer in layers}
        self._rows = slice(0, shape[0])
        self._columns: Tensor | None = None
        self._used = shape[2]

    def place(self, rows: slice, columns: Tensor | None, used: int) -> None:
        """Where the next pass writes.

        Prefill (columns None): the tokens follow the ``used`` columns that all ``rows`` have.
        Decoding: row i's one token goes to ``columns[i]``; attention sees ``used`` columns.
        """
        self._rows, self._columns, self._used = rows, columns, used

    def update(self, keys: Tensor, values: Tensor, layer: int, *_: Any) -> tuple[Tensor, Tensor]:
        """Stores keys and values [b, heads, t, dim]; returns what this pass attends to."""
        if self._columns is None:
            end = self._used + keys.shape[2]
            self.keys[layer][self._rows, :, self._used : end] = keys
            self.values[layer][self._rows, :, self._used : end] = values
            if not self._used:
                return keys, values
            return self.keys[layer][self._rows, :, :end], self.values[layer][self._rows, :, :end]
        rows = torch.arange(len(keys), device=keys.device)
        self.keys[layer][rows, :, self._columns] = keys[:, :, 0]
        self.values[layer][rows, :, self._columns] = values[:, :, 0]
        return self.keys[layer][:, :, : self._used], self.values[layer][:, :, : self._used]

    def keep(self, rows: Tensor) -> None:
        """Drops all slots but ``rows`` (indexes)."""
        for layer in self.keys:
            self.keys[layer] = self.keys[layer][rows]
            self.values[layer] = self.values[layer][rows]


class SharedPrefixCache:
    """Keys and values of a prefix that several rows continue; the prefix is computed once."""

    def __init__(self) -> None:
        self._prefix: dict[int, tuple[Tensor, Tensor]] = {}

    def update(self, keys: Tensor, values: Tensor, layer: int, *_: Any) -> tuple[Tensor, Tensor]:
        """First call: remembers the prefix [1, heads, p, dim]. Later: puts it before each row."""
        if layer not in self._prefix:
            self._prefix[layer] = (keys, values)
            return keys, values
        before = [t.expand(len(keys), -1, -1, -1) for t in self._prefix[layer]]
        return torch.cat((before[0], keys), 2), torch.cat((before[1], values), 2)


def _index(layer: nn.Module) -> int:
    return layer.self_attn.layer_idx  # type: ignore[union-attr, return-value]
