"""Policies over one base: its weights are in memory once, each adapter's factors beside them."""

import copy
from pathlib import Path
from weakref import WeakValueDictionary

from torch import Tensor, nn
from transformers import PreTrainedModel

from tutelage.policies.adapter import LowRank, PolicyAdapter, adapter_of
from tutelage.policies.parity import load_whole

# Of the bases that some policy in memory needs, by directory, type and device.
_bases: WeakValueDictionary[tuple[Path, str, str], PreTrainedModel] = WeakValueDictionary()


class AdaptedLinear(nn.Module):
    """A linear map of the base and what an adapter adds: x W' + x A' B'."""

    def __init__(self, base: nn.Module, update: LowRank, like: Tensor) -> None:
        super().__init__()
        self.base = base
        self.a, self.b = update.a.to(like), update.b.to(like)

    def forward(self, x: Tensor) -> Tensor:
        """x [..., in] -> [..., out]."""
        found: Tensor = self.base(x) + (x @ self.a.T) @ self.b.T
        return found


class SharedModel:
    """A policy's model; ``base`` is what it shares weights with, and keeps in memory.

    Where it is ``adapted`` its own forward pass proves nothing of how the adapter was read.
    """

    def __init__(self, path: Path, dtype: str, device: str) -> None:
        """``dtype`` as of ``load_whole``. Raises what that does."""
        adapter = adapter_of(path)
        self.base = _base(adapter.base if adapter else path, dtype, device)
        self.model = _sharing(self.base)
        self.adapted = adapter is not None
        if adapter:
            _adapt(self.model, adapter)


def _base(path: Path, dtype: str, device: str) -> PreTrainedModel:
    key = (path.resolve(), dtype, device)
    base = _bases.get(key)
    if base is None:
        base = _bases[key] = load_whole(path, dtype).to(device)
    return base


def _sharing(base: PreTrainedModel) -> PreTrainedModel:
    """A model of its own with the base's parameters."""
    return copy.deepcopy(base, {id(t): t for t in (*base.parameters(), *base.buffers())})


def _adapt(model: PreTrainedModel, adapter: PolicyAdapter) -> None:
    for name, update in adapter.updates.items():
        parent, _, child = name.rpartition(".")
        linear = model.get_submodule(name)
        adapted = AdaptedLinear(linear, update, next(linear.parameters()))
        setattr(model.get_submodule(parent), child, adapted)
