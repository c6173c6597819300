"""Paged attention for the models of transformers: each token attends to its own sequence's blocks.

transformers' models ask a registered function for attention and do everything else themselves. So
one function serves every family that asks (nearly all), with the family's own embedding scales,
rotary positions, experts and head. As in the graph, tokens of all sequences lie one after another.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from server.generators.embedded.model_runner import ScheduledChunk

NAME = "tutelage_paged"
BLOCK = 16  # tokens of one block


@dataclass(eq=False)
class KeysAndValues:
    """Of all layers, [blocks, BLOCK, heads, dim] each; a layer's are made when it first runs."""

    blocks: int
    arrays: list[Tensor] = field(default_factory=list)
    windows: set[int | None] = field(default_factory=set)  # that layers asked for
    _layers: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)

    def write(self, layer: int, slots: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Put keys and values [T, heads, dim] into slots [T]; all of the layer, by slot."""
        if layer not in self._layers:
            self._layers[layer] = (self._empty(key), self._empty(value))
            self.arrays += self._layers[layer]
        stored = tuple(each.flatten(0, 1) for each in self._layers[layer])
        stored[0][slots], stored[1][slots] = key, value
        return stored[0], stored[1]

    def _empty(self, like: Tensor) -> Tensor:
        return like.new_empty(self.blocks, BLOCK, *like.shape[1:])


@dataclass(frozen=True, eq=False)
class Group:
    """Sequences that attention computes together: S of them, Q tokens of each, up to C stored.

    ``rows`` [S, Q] are their tokens as indexes of the step's T; ``positions`` [S, Q] those of the
    tokens in their sequences; ``slots`` [S, C] where the sequences' keys lie.
    """

    rows: Tensor
    positions: Tensor
    slots: Tensor
    _masks: dict[int | None, Tensor] = field(default_factory=dict)

    def mask(self, window: int | None) -> Tensor:
        """Which keys each token sees: [S, 1, Q, C]."""
        if window not in self._masks:
            places = torch.arange(self.slots.shape[1], device=self.slots.device)
            now = self.positions[..., None]
            seen = places <= now
            if window is not None:
                seen &= places > now - window
            self._masks[window] = seen[:, None]
        return self._masks[window]


class Step:
    """The tokens of one forward pass and where their sequences lie."""

    def __init__(
        self, chunks: Sequence[ScheduledChunk], store: KeysAndValues, device: torch.device
    ) -> None:
        self.store = store
        self._chunks = chunks
        self._device = device
        starts = [0]
        for chunk in chunks:
            starts.append(starts[-1] + len(chunk.tokens))
        self._starts = dict(zip(chunks, starts, strict=False))

    @cached_property
    def ids(self) -> Tensor:
        """[T]"""
        return self._tensor([token for chunk in self._chunks for token in chunk.tokens])

    @cached_property
    def positions(self) -> Tensor:
        """[T]"""
        return self._tensor([place for chunk in self._chunks for place in chunk.positions])

    @cached_property
    def slots(self) -> Tensor:
        """Where the keys and values of the step's tokens go: [T]"""
        places = [_slots(c)[c.table.length : c.end] for c in self._chunks]
        return self._tensor([slot for each in places for slot in each])

    @cached_property
    def groups(self) -> list[Group]:
        """All sequences that decode one token, together, and each longer chunk for itself."""
        single = [chunk for chunk in self._chunks if len(chunk.tokens) == 1]
        longer = [[chunk] for chunk in self._chunks if len(chunk.tokens) > 1]
        return [self._group(each) for each in [single, *longer] if each]

    def last(self, chunk: ScheduledChunk) -> int:
        """The index of a chunk's last token among the step's."""
        return self._starts[chunk] + len(chunk.tokens) - 1

    def _group(self, chunks: Sequence[ScheduledChunk]) -> Group:
        longest = max(chunk.end for chunk in chunks)
        rows = [range(self._starts[c], self._starts[c] + len(c.tokens)) for c in chunks]
        slots = [_slots(c)[: c.end] for c in chunks]
        padded = [each + [each[0]] * (longest - len(each)) for each in slots]  # never seen
        return Group(
            self._tensor([list(each) for each in rows]),
            self._tensor([list(c.positions) for c in chunks]),
            self._tensor(padded),
        )

    def _tensor(self, values: Sequence[Any]) -> Tensor:
        return torch.tensor(values, device=self._device)


def _slots(chunk: ScheduledChunk) -> list[int]:
    """Places of a sequence's tokens, first to last."""
    return [block * BLOCK + place for block in chunk.blocks for place in range(BLOCK)]


_step: ContextVar[Step] = ContextVar("step")


@contextmanager
def attending(step: Step) -> Iterator[None]:
    """Inside, models that ask for attention by NAME get it over this step's sequences."""
    token = _step.set(step)
    try:
        yield
    finally:
        _step.reset(token)


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    s_aux: Tensor | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attention as transformers asks for it: [1, heads, T, dim] each -> [1, T, heads, dim].

    ``softcap`` bounds scores (Gemma 2); ``s_aux`` [heads] are sinks that take a share (gpt-oss).
    """
    step = _step.get()
    step.store.windows.add(sliding_window)
    keys, values = step.store.write(
        cast(int, module.layer_idx), step.slots, key[0].transpose(0, 1), value[0].transpose(0, 1)
    )
    asked = query[0].transpose(0, 1)
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    found = asked.new_empty(*asked.shape[:2], values.shape[-1])
    for group in step.groups:
        found[group.rows] = _scores_and_sums(
            asked[group.rows], keys[group.slots], values[group.slots],
            group.mask(sliding_window), scale, softcap, s_aux,
        )  # fmt: skip
    return found[None], None


def _scores_and_sums(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor, scale: float,
    softcap: float | None, sinks: Tensor | None,
) -> Tensor:  # fmt: skip
    """query [S, Q, heads, dim], key and value [S, C, shared heads, dim] -> [S, Q, heads, dim].

    Heads that share keys are read as further queries, so keys are not copied for each.
    """
    sequences, length, heads, _ = query.shape
    shared = key.shape[2]
    each = heads // shared
    folded = query.transpose(1, 2).reshape(sequences, shared, each * length, -1)
    key, value, mask = key.transpose(1, 2), value.transpose(1, 2), mask.repeat(1, 1, each, 1)
    if softcap is None and sinks is None:
        found = scaled_dot_product_attention(folded, key, value, mask, scale=scale)
    else:
        scores = (folded @ key.transpose(2, 3)).float() * scale
        if softcap is not None:
            scores = softcap * torch.tanh(scores / softcap)
        scores = scores.masked_fill(~mask, -torch.inf)
        if sinks is not None:
            column = sinks.float().view(1, shared, each, 1).expand(sequences, -1, -1, length)
            scores = torch.cat((scores, column.reshape(sequences, shared, -1, 1)), -1)
        found = scores.softmax(-1)[..., : key.shape[2]].to(value.dtype) @ value
    split = found.view(sequences, heads, length, -1)
    return split.transpose(1, 2)


AttentionInterface.register(NAME, attend)
