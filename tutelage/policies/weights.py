"""The weights of a policy directory by their names in its files, an adapter's updates added."""

from collections.abc import KeysView
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tutelage.policies.adapter import adapter_of

if TYPE_CHECKING:
    from torch import Tensor


class PolicyWeights:
    """Tensors, each read when it is asked for; those that an adapter changes come in 32 bits.

    ``folder`` holds the files that are read: the policy's own or its base's.
    """

    def __init__(self, directory: Path) -> None:
        from safetensors import safe_open

        self.adapter = adapter_of(directory)
        self.folder = self.adapter.base if self.adapter else directory
        self._files: dict[str, Any] = {}
        for file in sorted(self.folder.glob("*.safetensors")):
            opened: Any = safe_open(file, framework="pt")
            self._files |= dict.fromkeys(opened.keys(), opened)

    @property
    def names(self) -> KeysView[str]:
        """Of all tensors."""
        return self._files.keys()

    def read(self, name: str) -> "Tensor":
        """One tensor, in the type of its file unless an adapter changes it."""
        tensor: Tensor = self._files[name].get_tensor(name)
        return self.adapter.merged(name, tensor) if self.adapter else tensor
