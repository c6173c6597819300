"""A pretended accelerator: its tensors compute on the CPU, but must never meet tensors of the CPU.

As on a real card, an operation on tensors of two devices raises; a CPU scalar of no dimension may
join. So a run on this device shows every tensor that was left on the wrong one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

DEVICE = torch.device("meta")  # autograd treats it as the CPU, and nothing else uses it here
TRANSFERS = ("aten._to_copy", "aten.copy_", "aten.set_")


class OnDevice(torch.Tensor):
    """A tensor of the pretended device; ``held`` has its values."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> "OnDevice":
        self = torch.Tensor._make_wrapper_subclass(
            cls, held.shape, held.stride(), held.storage_offset(), dtype=held.dtype,
            device=DEVICE, requires_grad=False,
        )  # fmt: skip
        self.held = held
        return self

    def __repr__(self) -> str:
        return f"OnDevice({self.held})"

    def tolist(self) -> Any:
        """Not supported by torch for subclasses."""
        return self.held.tolist()

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return run(func, args, kwargs or {})


def run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    tensors = [t for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)]
    ours = [t for t in tensors if isinstance(t, OnDevice)]
    if not ours and kwargs.get("device") is None:
        return func(*args, **kwargs)
    others = [t for t in tensors if not isinstance(t, OnDevice) and t.ndim]
    transfer = str(func).startswith(TRANSFERS)
    if ours and others and not transfer and "index" not in str(func):
        raise RuntimeError(f"{func}: tensors on the device and on the CPU: {others[0].shape}")
    wanted = kwargs.get("device")
    to_device = torch.device(wanted).type == DEVICE.type if wanted is not None else bool(ours)
    if wanted is not None:
        kwargs = kwargs | {"device": torch.device("cpu")}
    unwrap = lambda t: t.held if isinstance(t, OnDevice) else t  # noqa: E731
    plain_args, plain_kwargs = tree_map(unwrap, args), tree_map(unwrap, kwargs)
    out = func(*plain_args, **plain_kwargs)
    known = {id(t.held): t for t in ours}
    if not ours and not to_device:
        return out

    def wrap(t: Any) -> Any:
        if not isinstance(t, torch.Tensor):
            return t
        if id(t) in known:  # in place
            return known[id(t)]
        return OnDevice(t) if to_device else t

    if str(func).startswith("aten.copy_"):
        return args[0]
    return tree_map(wrap, out)


class _Mode(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return run(func, args, kwargs or {})


class _Literals(TorchFunctionMode):
    """``torch.tensor`` puts its values on the device without asking the dispatcher."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        device = kwargs.get("device")
        if func is torch.tensor and device is not None and torch.device(device) == DEVICE:
            return OnDevice(torch.tensor(*args, **kwargs | {"device": "cpu"}))
        return func(*args, **kwargs)


@contextmanager
def pretended_device() -> Iterator[str]:
    """Inside, tensors on the device that it names exist."""
    with _Literals(), _Mode():
        yield DEVICE.type
