"""A trunk of which every rank keeps a part; a pass fetches its layers one by one (FSDP2).

All ranks fetch at once, and they have unlike numbers of passes: a rank that has none left fetches
for the others, without computing, until all are done (``parallel.in_step``).
"""

import weakref
from collections.abc import Callable

from torch import nn

from training import parallel
from training.model.frozen_linear import FrozenLinear


def shard(layers: nn.ModuleList) -> Callable[[], None]:
    """Divides frozen layers among the ranks; what comes back is to be called before each pass."""
    from torch.distributed.fsdp import FSDPModule, fully_shard  # takes seconds

    for module in layers.modules():
        if isinstance(module, FrozenLinear):
            module.keep_plain()
    for layer in layers:
        fully_shard(layer, reshard_after_forward=True)
    known = weakref.ref(layers)

    def fetch() -> None:
        for layer in known() or ():
            assert isinstance(layer, FSDPModule)
            layer.unshard()
            layer.reshard()

    return parallel.in_step(fetch)
