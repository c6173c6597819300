from pathlib import Path

import pytest
import torch

from training.model.checkpoint import load_state, save_state, write_directory


def test_a_state_goes_round(tmp_path: Path) -> None:
    save_state(tmp_path / "s.safetensors", {"a": torch.arange(3)}, {"update": 7, "rows": [1.5]})
    tensors, facts = load_state(tmp_path / "s.safetensors")
    assert tensors["a"].tolist() == [0, 1, 2]
    assert facts == {"update": 7, "rows": [1.5]}


def test_a_state_is_replaced_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    for update in (1, 2):
        save_state(tmp_path / "s.safetensors", {"a": torch.ones(1)}, {"update": update})
    assert load_state(tmp_path / "s.safetensors")[1] == {"update": 2}
    assert [p.name for p in tmp_path.iterdir()] == ["s.safetensors"]


def test_a_directory_that_fails_to_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    write_directory(tmp_path / "d", lambda path: (path / "x").write_text("old") and None)

    def fail(path: Path) -> None:
        (path / "x").write_text("new")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_directory(tmp_path / "d", fail)
    assert (tmp_path / "d" / "x").read_text() == "old"
