"""TRL's DPOTrainer on given comparisons: a baseline of benchmarks/loop.py, in its own venv.

Writes the trained policy next to the initial one.
"""

import argparse
import json
from pathlib import Path

import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import DPOConfig, DPOTrainer


def main() -> None:
    """Trains two epochs and saves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--policy", type=Path, required=True)
    parser.add_argument("--pairs", type=Path, required=True, help="JSON: prompt, chosen, rejected")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--beta", type=float, default=0.1)
    args = parser.parse_args()
    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(args.policy)
    rows = [dict(zip(("prompt", "chosen", "rejected"), row, strict=True))
            for row in json.loads(args.pairs.read_text())]  # fmt: skip
    trainer = DPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(args.policy, dtype=torch.float32),
        processing_class=tokenizer,
        train_dataset=Dataset.from_list(rows),
        args=DPOConfig(
            output_dir=str(args.out.parent / "trl-dpo"), per_device_train_batch_size=16,
            num_train_epochs=2, beta=args.beta, learning_rate=3e-4, report_to="none",
            save_strategy="no", use_cpu=True, bf16=False, gradient_checkpointing=False,
            disable_tqdm=True, seed=0,
        ),
    )  # fmt: skip
    trainer.train()
    trainer.model.save_pretrained(args.out)
    tokenizer.save_pretrained(args.out)


if __name__ == "__main__":
    main()
