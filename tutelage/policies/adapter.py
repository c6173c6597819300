"""A policy that is a base and a low-rank adapter over it, in the format of PEFT.

Its directory holds ``adapter_config.json`` and ``adapter_model.safetensors`` in place of weights.
Each adapted matrix is the base's plus B A, added in 32 bits.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tutelage.errors import Unavailable
from tutelage.policies.library import ADAPTER_CONFIG, base_of, point_to_base

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

ADAPTER_WEIGHTS = "adapter_model.safetensors"
MOST_RANKS = 128  # beyond it an update is replaced by the nearest one of this rank
_PREFIX, _A, _B = "base_model.model.", ".lora_A.weight", ".lora_B.weight"  # of PEFT's names


class LowRank(NamedTuple):
    """An update B A of a matrix [out, in]."""

    b: "Tensor"  # [out, rank]
    a: "Tensor"  # [rank, in]

    @property
    def rank(self) -> int:
        return self.a.shape[0]


Updates = Mapping[str, LowRank]  # by the name of the linear layer in transformers' model


@dataclass(frozen=True)
class PolicyAdapter:
    """The updates, and the directory of the base whose matrices they are added to.

    ``transposed``: the base holds its matrices as [in, out] (GPT-2).
    """

    base: Path
    updates: Updates
    transposed: bool = False

    def merged(self, name: str, weight: "Tensor") -> "Tensor":
        """A weight of the base by its name: with its update, in 32 bits; as it is without one.

        Raises Unavailable where the update has another shape.
        """
        import torch

        update = self.updates.get(name.removesuffix(".weight"))
        if update is None:
            return weight
        left, right = (update.a.T, update.b.T) if self.transposed else update
        if weight.shape != (left.shape[0], right.shape[1]):
            raise Unavailable(f"Its adapter does not fit its base: {name} has another shape.")
        return torch.addmm(weight.float(), left, right)

    def merge_into(self, model: "PreTrainedModel") -> None:
        """Add the updates to the base as transformers loads it, in the type of its weights."""
        for name in self.updates:
            try:
                weight = model.get_parameter(f"{name}.weight")
            except AttributeError as error:
                raise Unavailable(f"Its adapter does not fit its base: no {name} there.") from error
            weight.data = self.merged(name, weight.data).to(weight.dtype)


def adapter_of(directory: Path) -> PolicyAdapter | None:
    """The adapter that a policy directory holds; None where the policy is whole.

    Raises Unavailable as ``base_of`` does, and where the adapter is of another kind.
    """
    from safetensors.torch import load_file

    base = base_of(directory)
    if base is None:
        return None
    config = json.loads((directory / ADAPTER_CONFIG).read_text("utf-8"))
    tensors = load_file(directory / ADAPTER_WEIGHTS)
    names = {name.removesuffix(_A) for name in tensors if name.endswith(_A)}
    if set(tensors) != {name + side for name in names for side in (_A, _B)}:
        raise Unavailable(f"The adapter of {directory.name} holds more than low-rank updates.")
    scale = config["lora_alpha"] / config["r"]
    updates = {
        name.removeprefix(_PREFIX): LowRank(scale * tensors[name + _B], tensors[name + _A])
        for name in sorted(names)
    }
    return PolicyAdapter(base, updates, bool(config.get("fan_in_fan_out")))


def write_adapter(directory: Path, adapter: PolicyAdapter) -> None:
    """Put an adapter into a policy directory; all its updates get the rank of the largest."""
    from safetensors.torch import save_file

    rank = max(update.rank for update in adapter.updates.values())
    tensors = {}
    for name, update in adapter.updates.items():
        padded = _padded(update, rank)
        tensors[f"{_PREFIX}{name}{_A}"], tensors[f"{_PREFIX}{name}{_B}"] = padded.a, padded.b
    save_file(tensors, directory / ADAPTER_WEIGHTS, metadata={"format": "pt"})
    point_to_base(directory, adapter.base, _facts(adapter, rank))


def _facts(adapter: PolicyAdapter, rank: int) -> dict[str, Any]:
    """What PEFT wants to know."""
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": rank,
        "lora_alpha": rank,  # a scale of 1
        "target_modules": sorted(adapter.updates),
        "fan_in_fan_out": adapter.transposed,
        "bias": "none",
        "lora_dropout": 0.0,
        "inference_mode": True,
    }


def stacked(first: Updates, second: Updates) -> dict[str, LowRank]:
    """Both updates as one: B1 A1 + B2 A2 = [B1 B2] [A1; A2], so the ranks add up.

    Beyond ``MOST_RANKS`` the sum is replaced by the nearest update of that rank.
    """
    return {
        name: limited(_sum([u[name] for u in (first, second) if name in u]), MOST_RANKS)
        for name in sorted(first.keys() | second.keys())
    }


def _sum(updates: list[LowRank]) -> LowRank:
    """The sum of updates; those that add nothing take no ranks."""
    import torch

    kept = [update for update in updates if bool(update.b.any())] or updates[:1]
    return LowRank(torch.cat([u.b for u in kept], 1), torch.cat([u.a for u in kept]))


def limited(update: LowRank, rank: int) -> LowRank:
    """The nearest update of at most this rank (Eckart and Young 1936), by its singular values.

    Exact up to rounding where B A has no higher rank; else it is off by the singular values left
    out, the largest of them in the spectral norm.
    """
    import torch

    if update.rank <= rank:
        return update
    left, inner_left = torch.linalg.qr(update.b.double())
    right, inner_right = torch.linalg.qr(update.a.double().T)
    u, values, v = torch.linalg.svd(inner_left @ inner_right.T, full_matrices=False)
    roots = values[:rank].sqrt()
    b, a = left @ (u[:, :rank] * roots), (roots[:, None] * v[:rank]) @ right.T
    return LowRank(b.float(), a.float())


def _padded(update: LowRank, rank: int) -> LowRank:
    from torch.nn.functional import pad

    more = rank - update.rank
    b, a = pad(update.b, (0, more)), pad(update.a, (0, 0, 0, more))
    return LowRank(b.float().cpu().contiguous(), a.float().cpu().contiguous())
