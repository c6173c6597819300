"""A frozen linear map with a low-rank update that learns (LoRA).

Written here rather than taken from peft: several adapters can share one frozen map, the update is
accumulated into its output instead of being added in passes of its own, and products with the few
rows of an adapter are put the way round in which they are four times as fast.
"""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from training.model.frozen_linear import FrozenLinear
from tutelage.policies.adapter import LowRank


class LoRALinear(nn.Module):
    """A frozen linear layer plus a low-rank update: x W' + (alpha / rank) x A' B'.

    Hu et al. 2022, arXiv 2106.09685, eq. 3. B starts at zero, so the layer starts unchanged.
    """

    def __init__(
        self, base: FrozenLinear, rank: int, alpha: float, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.base = base
        self.scale = alpha / rank
        start = torch.randn(rank, base.in_features, generator=generator) / base.in_features**0.5
        device = base.weight.device
        self.a = nn.Parameter(start.to(device))  # float32, whatever the base is kept in
        self.b = nn.Parameter(torch.zeros(base.out_features, rank, device=device))

    def forward(self, x: Tensor) -> Tensor:
        """x [..., in] -> [..., out]."""
        out: Tensor = _Adapted.apply(x.reshape(-1, x.shape[-1]), self.a, self.b, self)
        return out.view(*x.shape[:-1], -1)

    def merged_weight(self) -> Tensor:
        """W + (alpha / rank) B A: [out, in]."""
        weight, a, b = self.base.weight, self.a.detach(), self.b.detach()
        return torch.addmm(weight.float(), b, a, alpha=self.scale).to(weight.dtype)


class _Adapted(torch.autograd.Function):
    """N tokens, rank R: x [N, in] -> [N, out]."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, a: Tensor, b: Tensor, layer: LoRALinear) -> Tensor:
        a, b = a.to(x.dtype), b.to(x.dtype)
        low = a @ x.T  # [R, N]
        ctx.save_for_backward(x, a, b, low)
        ctx.layer = layer
        return layer.base.product(x).addmm_(low.T, b.T, alpha=layer.scale)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor, Tensor, None]:
        x, a, b, low = ctx.saved_tensors
        base, scale, grad = ctx.layer.base, ctx.layer.scale, grads[0]
        low_grad = (b.T @ grad.T).mul_(scale)  # [R, N]
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = base.transposed_product(grad).addmm_(low_grad.T, a)
        return of_x, low_grad @ x, (low @ grad).mul_(scale).T, None


class LoRAExperts(nn.Module):
    """A mixture's frozen experts with a low-rank update that learns for each.

    transformers keeps experts as three-dimensional parameters [E, out, in] rather than as linear
    layers: W + (alpha / rank) B A for each of the E.
    """

    def __init__(
        self, base: nn.Module, rank: int, alpha: float, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.base = base
        self.scale = alpha / rank
        self.a, self.b = nn.ParameterDict(), nn.ParameterDict()
        for name, weight in expert_weights(base).items():
            count, rows, columns = weight.shape
            start = torch.randn(count, rank, columns, generator=generator) / columns**0.5
            self.a[name] = nn.Parameter(start.to(weight.device))
            self.b[name] = nn.Parameter(torch.zeros(count, rows, rank, device=weight.device))

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Whatever the experts take and give."""
        return functional_call(self.base, self.weights(), args, kwargs)

    def weights(self) -> dict[str, Tensor]:
        """The experts' weights with the update added, by name: [E, out, in] each."""
        return {
            name: (weight + (self.scale * self.b[name] @ self.a[name])).to(weight.dtype)
            for name, weight in expert_weights(self.base).items()
        }


def expert_weights(module: nn.Module) -> dict[str, nn.Parameter]:
    """The three-dimensional matrices that a module holds itself: those of a mixture's experts."""
    own = module.named_parameters(recurse=False)
    return {name: p for name, p in own if p.ndim == 3 and min(p.shape) > 1}


def adapter_state(layers: nn.ModuleList) -> dict[str, Tensor]:
    """The trainable tensors of an adapted top, by name."""
    return {name: p.detach() for name, p in layers.named_parameters() if p.requires_grad}


def interpolated(state: Mapping[str, Tensor], scale: float) -> dict[str, Tensor]:
    """An adapter between the unchanged layers (scale 0) and itself (1): its update B A, scaled."""
    return {
        name: tensor * scale if "b" in name.split(".") else tensor for name, tensor in state.items()
    }


def load_adapter(layers: nn.ModuleList, state: Mapping[str, Tensor]) -> None:
    """Copies what ``adapter_state`` gave back into an adapted top."""
    with torch.no_grad():
        for name, tensor in state.items():
            layers.get_parameter(name).copy_(tensor)


def low_rank_updates(adapted: nn.ModuleList, model: nn.Module) -> dict[str, LowRank]:
    """What an adapted top adds to the linear layers of the model that it was made from, by name."""
    names = {id(module): name for name, module in model.named_modules()}
    return {
        names[id(module.base)]: LowRank(
            module.scale * module.b.detach().cpu(), module.a.detach().cpu()
        )
        for module in adapted.modules()
        if isinstance(module, LoRALinear)
    }


def merged(adapted: nn.ModuleList) -> nn.ModuleList:
    """Layers that compute what the adapted ones do, at plain speed; they can only be run."""
    shared: dict[int, Any] = {id(p): p for p in adapted.parameters()}
    for module in adapted.modules():
        if isinstance(module, LoRALinear):
            plain = FrozenLinear(module.merged_weight(), module.base.bias, module.base.operands)
            plain.release()
            shared[id(module)] = plain
        elif isinstance(module, LoRAExperts):
            experts = copy.deepcopy(module.base, {id(p): p for p in module.base.parameters()})
            for name, weight in module.weights().items():
                setattr(experts, name, nn.Parameter(weight.detach(), requires_grad=False))
            shared[id(module)] = experts
    return copy.deepcopy(adapted, shared)


def merge(adapted: nn.ModuleList, into: nn.ModuleList) -> None:
    """Writes every adapted weight, LoRA added, into the reference, when a stage ends.

    The model is then the merged policy, and the adapters are spent.
    """
    for name, module in adapted.named_modules():
        if isinstance(module, LoRALinear):
            target = into.get_submodule(name)
            assert isinstance(target, FrozenLinear)
            target.write(module.merged_weight())
        elif isinstance(module, LoRAExperts):
            with torch.no_grad():
                for key, weight in module.weights().items():
                    into.get_submodule(name).get_parameter(key).copy_(weight)
