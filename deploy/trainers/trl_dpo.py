"""TRL's DPOTrainer as the trainer of an iteration: `[trainer] command` in docs/training.md.

Its environment needs trl, peft and accelerate. An adapter is left after each epoch; a run that was
ended goes on from its last one.
"""

import argparse
from pathlib import Path

from datasets import load_dataset
from peft import LoraConfig
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.trainer_utils import get_last_checkpoint
from trl import DPOConfig, DPOTrainer


def main() -> None:
    """Trains LoRA adapters on the pairs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rank", type=int, required=True)
    parser.add_argument("--layers", required=True, help="that may change, by commas")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--learning-rate", type=float, default=5e-5)
    parser.add_argument("--beta", type=float, default=0.1)
    parser.add_argument("--cpu", action="store_true")
    args = parser.parse_args()
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype="float32")
    layers = set(args.layers.split(","))
    trainer = DPOTrainer(
        model=model,
        processing_class=AutoTokenizer.from_pretrained(args.model),
        train_dataset=load_dataset("json", data_files=str(args.pairs), split="train"),
        peft_config=LoraConfig(
            task_type="CAUSAL_LM",
            r=args.rank,
            lora_alpha=2 * args.rank,
            target_modules=[
                name
                for name, module in model.named_modules()
                if isinstance(module, nn.Linear) and layers & set(name.split("."))
            ],
        ),
        args=DPOConfig(
            output_dir=str(args.out),
            per_device_train_batch_size=args.batch,
            num_train_epochs=args.epochs,
            learning_rate=args.learning_rate,
            beta=args.beta,
            save_strategy="epoch",
            report_to="none",
            use_cpu=args.cpu,
            bf16=False,
            seed=17,
        ),
    )
    trainer.train(resume_from_checkpoint=get_last_checkpoint(str(args.out)))


if __name__ == "__main__":
    main()
