"""What was learned in 32 bits is not lost when it is written beside weights of 16."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from training.model.tiny import write_tiny_policy
from tutelage.policies.parity import load_whole
from tutelage.policies.weight_files import write_changed

NAME = "model.layers.3.mlp.up_proj.weight"
STEP = 2.0**-12  # an update; bfloat16 has steps of at least 2**-9 from 1/4 on


@pytest.fixture
def tiny_policy(tmp_path: Path) -> Path:
    write_tiny_policy(tmp_path / "tiny")
    return tmp_path / "tiny"


@pytest.fixture
def halved(tiny_policy: Path, tmp_path: Path) -> Path:
    """The tiny policy in bfloat16."""
    path = Path(shutil.copytree(tiny_policy, tmp_path / "halved"))
    load_whole(path, "bfloat16").save_pretrained(path)
    return path


def learned(path: Path) -> torch.Tensor:
    return load_file(path / "model.safetensors")[NAME].float() + STEP


def test_a_small_update_survives_in_a_file_of_16_bits(halved: Path, tmp_path: Path) -> None:
    target = Path(shutil.copytree(halved, tmp_path / "trained"))
    expected = learned(halved)
    write_changed(halved, target, {NAME: expected})
    for dtype in ("auto", "float32"):
        torch.testing.assert_close(load_whole(target, dtype).get_parameter(NAME).data, expected)
    types = {name: tensor.dtype for name, tensor in load_file(target / "model.safetensors").items()}
    assert [name for name, dtype in types.items() if dtype == torch.float32] == [NAME]


def test_weights_trained_in_16_bits_stay_in_16(halved: Path, tmp_path: Path) -> None:
    target = Path(shutil.copytree(halved, tmp_path / "trained"))
    write_changed(halved, target, {NAME: learned(halved).bfloat16()})
    stored = load_file(target / "model.safetensors")
    assert {tensor.dtype for tensor in stored.values()} == {torch.bfloat16}
    assert json.loads((target / "config.json").read_text())["dtype"] == "bfloat16"


def test_weights_of_32_bits_are_changed_in_place(tiny_policy: Path, tmp_path: Path) -> None:
    target = Path(shutil.copytree(tiny_policy, tmp_path / "trained"))
    size = (target / "model.safetensors").stat().st_size
    write_changed(tiny_policy, target, {NAME: learned(tiny_policy)})
    torch.testing.assert_close(load_file(target / "model.safetensors")[NAME], learned(tiny_policy))
    assert (target / "model.safetensors").stat().st_size == size
