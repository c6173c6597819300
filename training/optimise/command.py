"""Another trainer, run as a command: model and data out in its formats, a ladder of adapters back.

What it does is its own; measuring, the choice of a rung and the gate are as for every method.
"""

import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from training.model.lora import LoRALinear
from training.optimise.peft_checkpoints import checkpoints_in, read_checkpoint
from training.optimise.trainer_process import run_trainer
from training.ppo.optimiser import STAGE, JudgedData, Optimiser
from training.progress import Progress
from tutelage import atomic, jsonl
from tutelage.datasets import preference, verl
from tutelage.datasets.example import ranking
from tutelage.errors import Invalid
from tutelage.policies.adapter import Updates
from tutelage.policies.export import export_folder


class Command(Optimiser):
    """One run; a checkpoint of the trainer is an update."""

    @property
    def folder(self) -> Path:
        """Where the trainer works; it goes when a rung is chosen."""
        return self.out / "trainer"

    def optimise(self, data: JudgedData, progress: Progress) -> str:
        """Runs the trainer, unless it ended before; each of its checkpoints becomes a rung.

        Raises: Invalid: its checkpoints are missing or unusable. Unavailable: it failed.
        """
        seconds = self.run(data, progress)
        checkpoints = [
            self.fitting(checkpoint, read_checkpoint(checkpoint, self.folder / "model"))
            for checkpoint in checkpoints_in(self.folder / "checkpoints")
        ]
        total = len(checkpoints) + 1
        stop_reason = self.add_rung(0, total, {"seconds": seconds}, progress)
        for number, updates in enumerate(checkpoints, 1):
            if stop_reason:
                return stop_reason
            self.adopt(updates)
            stop_reason = self.add_rung(number, total, {}, progress)
        return stop_reason or "All checkpoints are measured."

    def run(self, data: JudgedData, progress: Progress) -> float:
        """Its seconds; 0 where it had ended before this run was interrupted."""
        ended = self.folder / "ended"
        if ended.is_file():
            return 0.0
        places = self.hand_over(data)
        started, config = time.monotonic(), self.config.trainer
        command = [_filled(word, places) for word in config.command]
        log = self.out / "trainer.log"
        run_trainer(command, self.folder, log, config.hours, lambda: progress(STAGE, 0, 0, {}))
        atomic.write_text(ended, "")
        return time.monotonic() - started

    def hand_over(self, data: JudgedData) -> dict[str, str]:
        """Write the model and the data; what stands in the command for each of them."""
        model, checkpoints = self.folder / "model", self.folder / "checkpoints"
        checkpoints.mkdir(parents=True, exist_ok=True)
        if not model.is_dir():
            export_folder(self.source, model)
        rows = _data(data)
        for name, found in rows.items():
            jsonl.write(self.folder / f"{name}.jsonl", found)
        first = len(self.model.lower)
        layers = range(first, first + len(self.model.reference))
        return {
            "model": str(model.absolute()),
            "checkpoints": str(checkpoints.absolute()),
            "rank": str(self.config.ppo.lora_rank),
            "layers": ",".join(map(str, layers)),
        } | {name: str((self.folder / f"{name}.jsonl").absolute()) for name in rows}

    def fitting(self, checkpoint: Path, updates: Updates) -> Updates:
        """The updates, if these layers can take them; else raises Invalid."""
        layers, rank = self.layers, self.config.ppo.lora_rank
        for name, update in updates.items():
            problem = ""
            if name not in layers:
                problem = (
                    f"it changes {name}, which is none of the linear layers in the "
                    f"{len(self.model.reference)} at the top; train those alone, or set top_layers"
                )
            elif update.rank > rank:
                problem = f"its rank is {update.rank}, and [ppo] lora_rank is {rank}"
            elif (update.b.shape[0], update.a.shape[1]) != tuple(layers[name].base.weight.shape):
                problem = f"{name} has another shape"
            if problem:
                raise Invalid(f"The trainer's {checkpoint.name} is unusable: {problem}.")
        return updates

    @property
    def layers(self) -> dict[str, LoRALinear]:
        """The adapted linear layers by their names in the model."""
        names = {id(module): name for name, module in self.model.model.named_modules()}
        adapted = (m for m in self.policy.modules() if isinstance(m, LoRALinear))
        return {names[id(module.base)]: module for module in adapted}

    @torch.no_grad()
    def adopt(self, updates: Updates) -> None:
        """Makes the updates the policy's; layers without one are as in the first policy."""
        for name, layer in self.layers.items():
            layer.a.zero_()
            layer.b.zero_()
            if name in updates:
                update = updates[name]
                layer.a[: update.rank] = update.a
                layer.b[:, : update.rank] = update.b / layer.scale

    def finish(self, stop_reason: str, scales: Sequence[float]) -> dict[str, Any]:
        """As the parent's; then what the trainer had goes."""
        result = super().finish(stop_reason, scales)
        shutil.rmtree(self.folder, ignore_errors=True)
        return result


def _filled(word: str, places: Mapping[str, str]) -> str:
    for name, value in places.items():
        word = word.replace(f"{{{name}}}", value)
    return word


def _data(data: JudgedData) -> dict[str, list[dict[str, Any]]]:
    """By file: TRL's pairs, verl's prompts with the best response, and dialogues to imitate."""
    judged = []
    for row in data.rankings:
        try:
            judged.append(
                ranking(row["prompt"], row["responses"], [-rank for rank in row["ranks"]])
            )
        except Invalid:  # all tied, or equal responses: these formats cannot hold it
            continue
    return {
        "pairs": [pair for each in judged for pair in preference.write(each)],
        "prompts": [prompt for each in judged for prompt in verl.write(each)],
        "demonstrations": [{"messages": row["messages"]} for row in data.ptx_data],
    }
