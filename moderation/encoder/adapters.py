"""Low-rank adapters of the transformer (Hu et al. 2021), and the int8 form that is served."""

import warnings
from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from moderation.encoder.minilm import LAYERS, Transformer

ADAPTED = ("qkv", "out", "up", "down")


class Adapted(nn.Module):
    """A frozen linear map plus a trained product of two low-rank matrices, initially zero."""

    def __init__(self, linear: nn.Linear, rank: int) -> None:
        super().__init__()
        self.linear = linear
        self.into = nn.Parameter(torch.randn(rank, linear.in_features) / linear.in_features**0.5)
        self.back = nn.Parameter(torch.zeros(linear.out_features, rank))

    def forward(self, rows: Tensor) -> Tensor:
        into, back = self.into.to(rows.dtype), self.back.to(rows.dtype)
        return self.linear(rows) + (rows @ into.T) @ back.T


def adapt(transformer: Transformer, first: int, rank: int) -> dict[str, nn.Parameter]:
    """Add adapters to the layers from `first` on; returns the trainable parameters by name."""
    trained: dict[str, nn.Parameter] = {}
    for layer in range(first, LAYERS):
        block = transformer.blocks[layer]
        for name in ADAPTED:
            adapted = Adapted(getattr(block, name), rank)
            setattr(block, name, adapted)
            trained[f"{layer}.{name}.into"] = adapted.into
            trained[f"{layer}.{name}.back"] = adapted.back
    return trained


def merge(transformer: Transformer, adapters: Mapping[str, Tensor]) -> None:
    """Add trained adapters into the plain transformer's weights."""
    for key, into in adapters.items():
        layer, name, part = key.split(".")
        if part == "into":
            back = adapters[f"{layer}.{name}.back"]
            linear: nn.Linear = getattr(transformer.blocks[int(layer)], name)
            linear.weight += back.float() @ into.float()


class Int8Linear(nn.Module):
    """A linear map in int8: weights with a scale per output, inputs within a measured range.

    The range is fixed, so a text's scores do not depend on the other texts of its batch.
    """

    def __init__(self, linear: nn.Linear, inputs: Tensor) -> None:
        """`inputs` [2]: the lowest and the highest input; values outside are clipped."""
        super().__init__()
        weight = linear.weight.detach()
        scales = weight.abs().amax(1).clamp(min=1e-8) / 127
        zeros = torch.zeros(len(scales), dtype=torch.int64)
        with warnings.catch_warnings():  # the form is deprecated; torch is pinned
            warnings.simplefilter("ignore", UserWarning)
            packed = torch.quantize_per_channel(weight, scales, zeros, 0, torch.qint8)
        self._packed = torch.ops.quantized.linear_prepack(packed, linear.bias.detach())
        low, high = min(float(inputs[0]), 0.0), max(float(inputs[1]), 0.0)
        self._scale = max(high - low, 1e-8) / 255
        self._zero = round(-low / self._scale)

    def forward(self, rows: Tensor) -> Tensor:
        product: Tensor = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32(
            rows, self._scale, self._zero, self._packed
        )
        return product


def quantize(transformer: Transformer, ranges: Mapping[str, Tensor]) -> None:
    """Serve every linear map of the layers in int8; `ranges` as `input_ranges` measured them."""
    for layer, block in enumerate(transformer.blocks):
        for name in ADAPTED:
            setattr(block, name, Int8Linear(getattr(block, name), ranges[f"{layer}.{name}"]))


@torch.inference_mode()
def input_ranges(transformer: Transformer, texts: Sequence[Sequence[int]]) -> dict[str, Tensor]:
    """The lowest and highest input [2] of every linear map, by layer and name, on token ids."""
    ranges: dict[str, Tensor] = {}
    hooks = [
        getattr(block, name).register_forward_pre_hook(partial(_widen, ranges, f"{layer}.{name}"))
        for layer, block in enumerate(transformer.blocks)
        for name in ADAPTED
    ]
    for text in texts:
        transformer(transformer.embed(torch.tensor([text])), None)
    for hook in hooks:
        hook.remove()
    return ranges


def _widen(ranges: dict[str, Tensor], name: str, _module: nn.Module, inputs: tuple[Tensor]) -> None:
    seen = torch.stack(inputs[0].aminmax())
    known = ranges.get(name, seen)
    ranges[name] = torch.stack([torch.minimum(known[0], seen[0]), torch.maximum(known[1], seen[1])])
