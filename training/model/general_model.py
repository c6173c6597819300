"""A split model that runs a family's own forward pass, for families that the fast path misreads.

What a family does between embedding, layers and head (scaled embeddings, masks and rotary positions
of each layer's kind, soft caps, convolutions) stays transformers' own code: the decoder is called
whole, and where a pass wants only some of its layers, stand-ins take the place of the others.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from training.model.batching import Step, positions
from training.model.split_model import SplitModel


class _StandIn(nn.Module):
    """Takes a layer's place: hands on what it is given or, if it holds other states, those."""

    def __init__(self, layer: nn.Module, returns_tuple: bool) -> None:
        super().__init__()
        object.__setattr__(self, "_layer", layer)  # not a child: its parameters are not ours
        self._returns_tuple = returns_tuple
        self.seen: Tensor | None = None
        self.instead: Tensor | None = None

    def forward(self, hidden: Tensor, *_: Any, **__: Any) -> Any:
        self.seen = hidden
        hidden = hidden if self.instead is None else self.instead
        return (hidden, None) if self._returns_tuple else hidden

    def __getattr__(self, name: str) -> Any:
        """The decoder may ask a layer what kind it is."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self._layer, name)


class GeneralModel(SplitModel):
    """Any decoder-only language model of transformers, cut ``top_layers`` below its head.

    Slower than its parent: masks are built for every pass, and a common prefix is not shared.
    """

    def prepare(self) -> None:
        """Learns from one short pass whether layers return a tensor or a tuple."""
        returned: list[Any] = []
        handle = self.lower[0].register_forward_hook(lambda _, __, out: returned.append(out))
        with torch.no_grad():
            self.decoder(input_ids=torch.zeros(1, 2, dtype=torch.long, device=self.device))
        handle.remove()
        self._returns_tuple = isinstance(returned[0], tuple)

    def trunk(self, ids: Tensor, positions: Tensor, cache: Any = None, mask: Any = None) -> Tensor:
        """Hidden states at the split: ids, positions [B, T] -> [B, T, H]."""
        self.begin_pass()
        stand_ins = [_StandIn(layer, self._returns_tuple) for layer in self.reference]
        with self._layers([*self.lower, *stand_ins]):
            self._decode(positions, input_ids=ids)
        assert stand_ins[0].seen is not None
        return stand_ins[0].seen

    def top(
        self, layers: nn.ModuleList, hidden: Tensor, positions: Tensor, cache: Any = None,
        mask: Any = None,
    ) -> Tensor:  # fmt: skip
        """Final hidden states of a top: states at the split [B, T, H] -> [B, T, H]."""
        stand_ins = [_StandIn(layer, self._returns_tuple) for layer in self.lower]
        stand_ins[-1].instead = hidden
        with self._layers([*stand_ins, *layers]):
            return self._decode(positions, inputs_embeds=torch.zeros_like(hidden))

    def whole(
        self, layers: nn.ModuleList, ids: Tensor, positions: Tensor, mask: Tensor, cache: Any
    ) -> tuple[Tensor, Tensor]:
        """One pass through trunk and top: states at the split and final ones, both [B, T, H].

        Args: ids, positions [B, T]; mask [B, C + T] of bool, false at padding, C the tokens that
        ``cache`` (of transformers) holds.
        """
        self.begin_pass()
        seen: list[Tensor] = []
        handle = layers[0].register_forward_pre_hook(
            lambda _, args, kwargs: seen.append((*args, *kwargs.values())[0]), with_kwargs=True
        )
        try:
            with self._layers([*self.lower, *layers]):
                final = self._decode(
                    positions, input_ids=ids, attention_mask=mask, past_key_values=cache
                )
        finally:
            handle.remove()
        return seen[0], final

    def share_prefix(self, step: Step, prefix: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """As the parent's; each row is computed whole."""
        before = prefix.shape[1]
        whole = torch.cat((prefix.expand(len(rows), *prefix.shape[1:]), rows), 1)
        found = step(whole, positions(whole), None, None)
        return found[:1, :before], found[:, before:]

    def _decode(self, positions: Tensor, **inputs: Any) -> Tensor:
        use_cache = inputs.get("past_key_values") is not None
        output = self.decoder(position_ids=positions, use_cache=use_cache, **inputs)
        hidden: Tensor = output.last_hidden_state
        return hidden

    @contextmanager
    def _layers(self, layers: Sequence[nn.Module]) -> Iterator[None]:
        """The decoder with these layers inside."""
        own = getattr(self.decoder, self.layers_name)
        setattr(self.decoder, self.layers_name, nn.ModuleList(layers))
        try:
            yield
        finally:
            setattr(self.decoder, self.layers_name, own)
