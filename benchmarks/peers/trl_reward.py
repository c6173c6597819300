"""TRL's RewardTrainer with LoRA on given pairs: the peer of benchmarks/reward_model.py.

It prints one JSON line: pairs per CPU-second over an epoch, and the peak memory.
"""

import argparse
import json
import resource
import time
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForSequenceClassification, AutoTokenizer, TrainerCallback
from trl import RewardConfig, RewardTrainer


class CpuClock(TrainerCallback):
    """Processor time of the training alone."""

    began = ended = 0.0

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self.began = time.process_time()

    def on_train_end(self, *_: Any, **__: Any) -> None:
        self.ended = time.process_time()


def main() -> None:
    """Trains one epoch and prints what it cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--policy", type=Path, required=True)
    parser.add_argument(
        "--pairs", type=Path, required=True, help="JSON: [[prompt, chosen, rejected]]"
    )
    args = parser.parse_args()
    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(args.policy)
    model = AutoModelForSequenceClassification.from_pretrained(
        args.policy, num_labels=1, dtype=torch.float32
    )
    model.config.pad_token_id = tokenizer.pad_token_id
    rows = json.loads(args.pairs.read_text())
    clock = CpuClock()
    RewardTrainer(
        model=model,
        processing_class=tokenizer,
        train_dataset=Dataset.from_list(
            [{"prompt": p, "chosen": c, "rejected": r} for p, c, r in rows]
        ),
        args=RewardConfig(
            output_dir="/tmp/trl-reward", per_device_train_batch_size=8, num_train_epochs=1,
            max_length=512, report_to="none", save_strategy="no", use_cpu=True, bf16=False,
            gradient_checkpointing=False, disable_tqdm=True, learning_rate=1e-4,
        ),
        callbacks=[clock],
        peft_config=LoraConfig(
            r=8, lora_alpha=16, target_modules="all-linear", task_type="SEQ_CLS"
        ),
    ).train()  # fmt: skip
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    spent = clock.ended - clock.began
    print(
        json.dumps(
            {
                "pairs_per_cpu_second": len(rows) / spent,
                "cpu_seconds": spent,
                "peak_memory_gb": round(peak, 2),
            }
        )
    )


if __name__ == "__main__":
    main()
