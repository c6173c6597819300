from pathlib import Path

import torch

from training.model.checkpoint import load_state, save_state


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
