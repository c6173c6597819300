"""A frozen linear map that multiplies as fast as the processor can, forwards and backwards.

PyTorch's own float32 product on CPU is MKL's, which on AMD processors leaves half the speed unused;
oneDNN's, with the weights laid out once, made 170-200 GFLOP/s on a core where MKL made 70-90. The
weights are never trained, so they can be laid out once, and their gradient is never needed.
"""

import copy
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional


class FrozenLinear(nn.Linear):
    """``nn.Linear`` without gradients for its weights; the gradient for its input is kept."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        super().__init__(1, 1, bias=False, device="meta")
        self.out_features, self.in_features = weight.shape
        self.weight = nn.Parameter(weight, requires_grad=False)
        if bias is not None:
            self.bias = nn.Parameter(bias, requires_grad=False)
        on_cpu = weight.device.type == "cpu" and weight.dtype == torch.float32
        self._packs = on_cpu and torch.backends.mkldnn.is_available()
        self._packed: dict[bool, Tensor] = {}

    def forward(self, x: Tensor) -> Tensor:
        """x [..., in] -> [..., out]."""
        if torch.is_grad_enabled() and x.requires_grad:
            return _Product.apply(x, self)
        return self.product(x)

    def product(self, x: Tensor) -> Tensor:
        """x W' + bias, outside autograd: [..., in] -> [..., out]."""
        if not self._packs:
            return functional.linear(x, self.weight, self.bias)
        return _onednn(x, self._laid_out(transposed=False), self.bias)

    def transposed_product(self, y: Tensor) -> Tensor:
        """y W, outside autograd: [..., out] -> [..., in]."""
        if not self._packs:
            return y @ self.weight
        return _onednn(y.contiguous(), self._laid_out(transposed=True), None)

    def write(self, weight: Tensor) -> None:
        """Puts other weights in place of these."""
        with torch.no_grad():
            self.weight.copy_(weight)
        self._packed.clear()

    def release(self) -> None:
        """Keeps the weights only as ``product`` wants them: half the memory.

        What remains can neither be read nor written nor multiplied transposed. Where products do
        not want another layout this does nothing.
        """
        if self._packs:
            self._laid_out(transposed=False)
            self.weight = nn.Parameter(self.weight.to("meta"), requires_grad=False)

    def _laid_out(self, transposed: bool) -> Tensor:
        if transposed not in self._packed:
            weight = self.weight.detach()
            self._packed[transposed] = _reordered(weight.T.contiguous() if transposed else weight)
        return self._packed[transposed]

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        bias = None if self.bias is None else copy.deepcopy(self.bias, memo)
        return type(self)(copy.deepcopy(self.weight, memo), bias)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, layer: FrozenLinear) -> Tensor:
        ctx.layer = layer
        return layer.product(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return ctx.layer.transposed_product(grads[0]), None


def _reordered(weight: Tensor) -> Tensor:
    found: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight, None)
    return found


def _onednn(x: Tensor, packed: Tensor, bias: Tensor | None) -> Tensor:
    found: Tensor = torch.ops.mkldnn._linear_pointwise(x, packed, bias, "none", [], "")
    return found


def freeze(module: nn.Module) -> None:
    """Puts frozen maps in place of all plain linear layers inside ``module``; same weights."""
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if type(child) is nn.Linear:
                setattr(parent, name, FrozenLinear(child.weight.data, child.bias))
