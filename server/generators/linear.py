"""Linear layers whose weights lie in memory as this processor multiplies fastest.

Decoding multiplies few rows by large matrices. oneDNN with weights that are laid out once, at
loading, does this in half the time of the ordinary layer, which may lay them out at every call;
so does prefill. Results stay float32 and differ only by rounding.
"""

from typing import cast

import torch
from torch import nn


class PackedLinear(nn.Module):
    """A linear layer for inference on CPU; it holds the weights in oneDNN's blocked layout."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self._weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), None)
        self._bias = None if linear.bias is None else linear.bias.detach()

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """[…, in] -> […, out]"""
        found = torch.ops.mkldnn._linear_pointwise(inputs, self._weight, self._bias, "none", [], "")
        return cast(torch.Tensor, found)


def pack(model: nn.Module) -> None:
    """Replace all linear layers of a model that runs on CPU, where torch comes with oneDNN."""
    if not torch.backends.mkldnn.is_available():
        return
    for module in list(model.modules()):
        for name, child in module.named_children():
            if type(child) is nn.Linear:
                setattr(module, name, PackedLinear(child))
