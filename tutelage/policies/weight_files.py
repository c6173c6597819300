"""Puts trained weights into the safetensors files of a policy directory."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def write_changed(source: Path, path: Path, changed: Mapping[str, "Tensor"]) -> None:
    """Changes weights by name in ``path``, which is a copy of the policy directory ``source``.

    A weight that was trained in 32 bits is written in 32, also where the file kept 16: rounding
    takes back every update that is smaller than half a step of the shorter type.
    """
    files = sorted(path.glob("*.safetensors"))
    stored = {name: _type(fact) for file in files for name, fact in _header(file)[1].items()}
    if not changed.keys() <= stored.keys():  # transformers renames this family's weights
        for file in files:
            file.unlink()
        _save_by_transformers(source, path, changed)
        return
    widened = {name for name, tensor in changed.items() if _wider(tensor.dtype, stored[name])}
    for file in files:
        if widened & _header(file)[1].keys():
            _rewrite(file, changed)
        else:
            _overwrite(file, changed)
    if widened:
        _declare(path / "config.json", "float32")


def _wider(one: "torch.dtype", other: "torch.dtype") -> bool:
    return one.itemsize > other.itemsize


def _save_by_transformers(source: Path, path: Path, changed: Mapping[str, "Tensor"]) -> None:
    """Writes the weights of ``source`` with some changed, under the names that a file has."""
    import torch
    from transformers import AutoModelForCausalLM

    dtype = next(tensor.dtype for tensor in changed.values())
    model = AutoModelForCausalLM.from_pretrained(source, dtype=dtype, local_files_only=True)
    with torch.no_grad():
        for name, tensor in changed.items():
            model.get_parameter(name).copy_(tensor)
    model.save_pretrained(path)


def _header(weights: Path) -> tuple[int, dict[str, Any]]:
    """Size and content of a safetensors file's header: what it holds, and where."""
    with weights.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header: dict[str, Any] = json.loads(file.read(size))
    header.pop("__metadata__", None)
    return size, header


def _type(fact: Mapping[str, Any]) -> "torch.dtype":
    import torch

    types = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
    return types[fact["dtype"]]


def _overwrite(weights: Path, changed: Mapping[str, "Tensor"]) -> None:
    """Puts changed tensors where a safetensors file has its own, which needs no second copy.

    The file is the length of its header (8 bytes), the header (JSON), then the tensors.
    """
    import torch

    header_size, header = _header(weights)
    with weights.open("r+b") as file:
        for name in header.keys() & changed.keys():
            tensor = changed[name].detach().to("cpu", _type(header[name]))
            file.seek(8 + header_size + header[name]["data_offsets"][0])
            file.write(tensor.contiguous().view(torch.uint8).numpy().data)


def _rewrite(weights: Path, changed: Mapping[str, "Tensor"]) -> None:
    """Writes a file again with changed tensors in their own type."""
    from safetensors.torch import load_file, save_file

    tensors = load_file(weights)
    for name in tensors.keys() & changed.keys():
        tensors[name] = changed[name].detach().cpu().contiguous()
    save_file(tensors, weights, metadata={"format": "pt"})


def _declare(config: Path, dtype: str) -> None:
    """Says in config.json in which type the model is to be read."""
    facts = json.loads(config.read_text("utf-8"))
    facts.pop("torch_dtype", None)
    config.write_text(json.dumps(facts | {"dtype": dtype}, indent=2) + "\n")
