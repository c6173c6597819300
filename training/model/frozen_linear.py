"""A frozen linear map that multiplies as fast as the processor can, forwards and backwards.

PyTorch's own float32 product on CPU is MKL's, which on AMD processors leaves half the speed unused;
oneDNN's, with the weights laid out once, is faster, and with operands in bfloat16 (sums stay in
float32) twice as fast again where the processor multiplies them. The weights are never trained, so
they can be laid out once, and their gradient is never needed.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from tutelage.errors import Invalid


class FrozenLinear(nn.Linear):
    """``nn.Linear`` without gradients for its weights; the gradient for its input is kept.

    On a CPU inputs and weights are rounded to ``operands`` in the product, and to ``back_operands``
    in the product backwards; results have the input's type.
    """

    exact = False  # inside ``exact_products``
    from_conv1d = False  # the policy's file holds the weight transposed

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None = None,
        operands: torch.dtype = torch.float32,
        back_operands: torch.dtype | None = None,
    ) -> None:
        super().__init__(1, 1, bias=False, device="meta")
        self.out_features, self.in_features = weight.shape
        self.weight = nn.Parameter(weight, requires_grad=False)
        if bias is not None:
            self.bias = nn.Parameter(bias, requires_grad=False)
        on_cpu = weight.device.type == "cpu" and weight.dtype == torch.float32
        self._packs = on_cpu and torch.backends.mkldnn.is_available()
        self.operands = operands if self._packs else weight.dtype
        self.back_operands = (back_operands or operands) if self._packs else weight.dtype
        self._packed: dict[bool, Tensor] = {}

    def forward(self, x: Tensor) -> Tensor:
        """x [..., in] -> [..., out]."""
        if torch.is_grad_enabled() and x.requires_grad:
            out: Tensor = _Product.apply(x.reshape(-1, x.shape[-1]), self)
            return out.view(*x.shape[:-1], -1)
        return self.product(x)

    def product(self, x: Tensor) -> Tensor:
        """x W' + bias, outside autograd: [..., in] -> [..., out]."""
        if FrozenLinear.exact or not self._packs:
            return functional.linear(x, self.weight, self.bias)
        return _onednn(x.to(self.operands), self._laid_out(transposed=False), self.bias, x.dtype)

    def transposed_product(self, y: Tensor) -> Tensor:
        """y W, outside autograd: [..., out] -> [..., in]."""
        if not self._packs:
            return y @ self.weight
        rounded = y.contiguous().to(self.back_operands)
        return _onednn(rounded, self._laid_out(transposed=True), None, y.dtype)

    def write(self, weight: Tensor) -> None:
        """Puts other weights in place of these."""
        with torch.no_grad():
            self.weight.copy_(weight)
        self._packed.clear()

    def keep_plain(self) -> None:
        """Multiplies from now on with the weights as they are, which others may then replace."""
        self._packs = False
        self.operands = self.back_operands = self.weight.dtype

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
            if self.weight.is_meta:
                raise Invalid(
                    "This layer was released, so it multiplies forwards only. Load the policy "
                    "again to train on it."
                )
            weight = self.weight.detach().to(self.back_operands if transposed else self.operands)
            weight = weight if _multiplies(weight.dtype) else weight.float()
            self._packed[transposed] = _reordered(weight.T.contiguous() if transposed else weight)
        return self._packed[transposed]

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        bias = None if self.bias is None else copy.deepcopy(self.bias, memo)
        weight = copy.deepcopy(self.weight, memo)
        new = type(self)(weight, bias, self.operands, self.back_operands)
        new.from_conv1d = self.from_conv1d
        return new


class Head(FrozenLinear):
    """The map from final hidden states to logits [..., V], in float32 at least.

    Beside the product some families scale the logits (Granite, Cohere) or squash them between
    -softcap and softcap (Gemma 2).
    """

    def __init__(
        self, weight: Tensor, bias: Tensor | None = None, operands: torch.dtype = torch.float32,
        back_operands: torch.dtype | None = None, scale: float = 1.0, softcap: float | None = None,
    ) -> None:  # fmt: skip
        super().__init__(weight, bias, operands, back_operands)
        self.scale, self.softcap = scale, softcap

    def product(self, x: Tensor) -> Tensor:
        """Logits, outside autograd: [..., H] -> [..., V]."""
        logits = super().product(x)
        if logits.dtype in (torch.bfloat16, torch.float16):
            logits = logits.float()
        if self.scale != 1:
            logits = logits * self.scale
        return logits if self.softcap is None else torch.tanh(logits / self.softcap) * self.softcap

    def slope(self, logits: Tensor) -> Tensor | float:
        """d logits / d (W x): what a gradient is multiplied with before it goes through W."""
        if self.softcap is None:
            return self.scale
        return (1 - (logits / self.softcap) ** 2) * self.scale


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


def _multiplies(dtype: torch.dtype) -> bool:
    """Whether oneDNN multiplies this type here; elsewhere rounded operands multiply as float32."""
    return dtype == torch.float32 or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _onednn(x: Tensor, packed: Tensor, bias: Tensor | None, dtype: torch.dtype) -> Tensor:
    rounded = None if bias is None else bias.to(packed.dtype)
    found: Tensor = torch.ops.mkldnn._linear_pointwise(
        x.to(packed.dtype), packed, rounded, "none", [], ""
    )
    return found.to(dtype)


def operands_of(precision: str) -> torch.dtype:
    """What products round their operands to under the setting "auto", "bf16" or "fp32".

    Raises: Invalid: it is none of them.
    """
    if precision not in ("auto", "bf16", "fp32"):
        raise Invalid(f"precision must be auto, bf16 or fp32, not {precision!r}.", "precision")
    native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return (
        torch.bfloat16 if precision == "bf16" or (precision == "auto" and native) else torch.float32
    )


@contextmanager
def exact_products() -> Iterator[None]:
    """No rounding of operands and no other layout inside; nothing may be released before."""
    FrozenLinear.exact = True
    try:
        yield
    finally:
        FrozenLinear.exact = False


def freeze(module: nn.Module, operands: torch.dtype = torch.float32) -> None:
    """Puts frozen maps in place of all plain linear layers inside ``module``; same weights."""
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            frozen = _frozen(child, operands)
            if frozen is not None:
                setattr(parent, name, frozen)


def _frozen(layer: Any, operands: torch.dtype) -> FrozenLinear | None:
    """A frozen map that computes what a linear layer does; None for other modules."""
    kind = type(layer).__name__
    if kind in ("Linear", "FalconLinear"):  # Falcon's differs in how it is written
        return FrozenLinear(layer.weight.data, layer.bias, operands)
    if kind == "Conv1D":  # of GPT-2: a linear map whose weight lies the other way round
        frozen = FrozenLinear(layer.weight.data.T.contiguous(), layer.bias, operands)
        frozen.from_conv1d = True
        return frozen
    return None
