"""TRL's PPOTrainer on given prompts: the peer of benchmarks/ppo.py, run in its own venv.

It prints one JSON line: CPU and wall seconds of each iteration, and the peak memory. Policy,
reference, value and reward model have the same size, as in TRL's examples. With ``--lora`` the
policy is an adapter and the reference is the policy without it.
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
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
    TrainerCallback,
)
from trl.experimental.ppo import PPOConfig, PPOTrainer

MICRO_BATCH = 4  # a whole batch at once takes 19 GB and no less time


class IterationClock(TrainerCallback):
    """Processor and wall time at the start and after each iteration."""

    def __init__(self) -> None:
        self.marks: list[tuple[float, float]] = []

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self.marks.append((time.process_time(), time.perf_counter()))

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.marks.append((time.process_time(), time.perf_counter()))


def main() -> None:
    """Trains for a few iterations and prints what they cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--policy", type=Path, required=True)
    parser.add_argument("--prompts", type=Path, required=True, help="JSON: a list of id lists")
    parser.add_argument("--response", type=int, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--iterations", type=int, required=True)
    parser.add_argument("--lora", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    clock = IterationClock()
    _trainer(args, clock).train()
    spent = [
        {"cpu": after[0] - before[0], "wall": after[1] - before[1]}
        for before, after in zip(clock.marks, clock.marks[1:], strict=False)
    ]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(json.dumps({"iterations": spent, "peak_memory_gb": round(peak, 2)}))


def _trainer(args: argparse.Namespace, clock: IterationClock) -> PPOTrainer:
    tokenizer = AutoTokenizer.from_pretrained(args.policy, padding_side="left")
    prompts = json.loads(args.prompts.read_text())
    policy, reference = _policy(args.policy), None if args.lora else _policy(args.policy)
    config = PPOConfig(
        output_dir="/tmp/trl-ppo",
        per_device_train_batch_size=MICRO_BATCH,
        gradient_accumulation_steps=args.batch // MICRO_BATCH,
        total_episodes=args.batch * args.iterations,
        num_ppo_epochs=1,
        num_mini_batches=1,
        num_sample_generations=0,
        local_rollout_forward_batch_size=args.batch,
        response_length=args.response,
        temperature=0.8,
        learning_rate=1e-5,
        report_to="none",
        save_strategy="no",
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        disable_tqdm=True,
    )
    return PPOTrainer(
        args=config,
        processing_class=tokenizer,
        model=policy,
        ref_model=reference,
        reward_model=_scorer(args.policy),
        value_model=_scorer(args.policy),
        train_dataset=Dataset.from_dict({"input_ids": prompts}),
        callbacks=[clock],
        peft_config=LoraConfig(r=8, lora_alpha=16, target_modules="all-linear")
        if args.lora
        else None,
    )


def _policy(policy: Path) -> PreTrainedModel:
    return AutoModelForCausalLM.from_pretrained(policy, dtype=torch.float32)


def _scorer(policy: Path) -> PreTrainedModel:
    return AutoModelForSequenceClassification.from_pretrained(
        policy, num_labels=1, dtype=torch.float32
    )


if __name__ == "__main__":
    main()
