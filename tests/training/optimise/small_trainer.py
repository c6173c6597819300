"""A trainer as a command: writes adapters over the model that it is given.

    small_trainer.py MODEL PAIRS CHECKPOINTS RANK FAULT

A fault is "", "fails", "sleeps", "empty", "damaged", "base", "below", "shape", "rank" or "nan".
"""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file


def main() -> None:
    """Two checkpoints, the second twice as far."""
    model, pairs, folder, rank, fault = sys.argv[1:]
    assert not [name for name in os.environ if name.startswith("TUTELAGE_")]
    rows = [json.loads(line) for line in Path(pairs).read_text().splitlines()]
    print(f"{len(rows)} pairs, the first: {sorted(rows[0])}", flush=True)
    if fault == "sleeps":
        Path(folder, "asleep").touch()
        time.sleep(60)
    if fault == "fails":
        raise SystemExit("out of memory")
    for step in (2, 10) if fault != "empty" else ():
        write(Path(model), Path(folder) / f"checkpoint-{step}", int(rank), step, fault)


def write(model: Path, checkpoint: Path, rank: int, step: int, fault: str) -> None:
    """An adapter of the first layer that it may change."""
    config = json.loads((model / "config.json").read_text())
    layer = 0 if fault == "below" else config["num_hidden_layers"] - 1
    name = f"model.layers.{layer}.self_attn.q_proj"
    with safe_open(model / "model.safetensors", framework="np") as weights:
        rows, columns = weights.get_slice(f"{name}.weight").get_shape()
    rank *= 2 if fault == "rank" else 1
    columns += fault == "shape"
    draw = np.random.default_rng(0)
    a = draw.standard_normal((rank, columns), dtype=np.float32)
    b = np.full((rows, rank), 0.02 * step if fault != "nan" else np.nan, dtype=np.float32)
    checkpoint.mkdir(exist_ok=True)
    prefix = f"base_model.model.{name}"
    file = checkpoint / "adapter_model.safetensors"
    save_file({f"{prefix}.lora_A.weight": a, f"{prefix}.lora_B.weight": b}, file)
    if fault == "damaged":
        file.write_bytes(file.read_bytes()[:-100])
    facts = {
        "peft_type": "LORA",
        "r": rank,
        "lora_alpha": rank,
        "bias": "none",
        "target_modules": ["q_proj"],
        "base_model_name_or_path": str(model if fault != "base" else model.parent),
    }
    (checkpoint / "adapter_config.json").write_text(json.dumps(facts))


if __name__ == "__main__":
    main()
