"""Supervised fine-tuning: the policy learns to write what people wrote (InstructGPT §3.5, step 1).

LoRA on the top layers over the frozen trunk's states, which are computed once for all epochs. The
loss is on the assistant's tokens and the EOS that ends each turn, nowhere else. The epoch with the
best loss on demonstrations held back is what is kept.
"""

import math
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from training import parallel, rlhf
from training.compute import compute
from training.config import IterationConfig
from training.model.batching import buckets, pad, positions
from training.model.checkpoint import save_state
from training.model.load import load_model
from training.model.lora import adapter_state, load_adapter
from training.model.split_model import SplitModel
from training.model.tokenizer import ChatTokenizer, Dialogue
from training.progress import Progress
from training.reward.preferences import Row
from tutelage import jsonl
from tutelage.iteration_folder import ADAPTER, METRICS

PASS_TOKENS = 1536  # padded tokens of one pass, on a CPU


class RandomStream(IntEnum):
    """What random numbers are drawn for; each use has a stream of its own."""

    HELD_BACK = 1  # which demonstrations are held back
    REPLAYED = 2  # which dialogues are replayed
    BATCH_ORDER = 3


@parallel.together
def train_sft(
    policy_dir: Path,
    demonstrations: Sequence[Row],
    replay: Sequence[Row],
    config: IterationConfig,
    out_dir: Path,
    progress: Progress,
) -> dict[str, Any]:
    """Fine-tunes the policy and writes the whole of it to ``out_dir/policy``.

    Without demonstrations the policy is written unchanged.

    Args: demonstrations, replay: {"messages": [...]}; every assistant turn is learned. Of
    ``replay``, older or general dialogues against forgetting, ``replay_ratio`` as many are drawn.

    Returns: losses before and after, on the demonstrations held back; counts; the epoch kept.
    """
    with compute(config):
        run = SFT(policy_dir, config, progress)
        taught, held_back = run.split(demonstrations)
        rows = taught + run.draw(replay, len(taught))
        counts = {
            "demonstrations": len(taught) + len(held_back),
            "replayed": len(rows) - len(taught),
        }
        metrics = run.train(rows, held_back) if taught else []
        out_dir.mkdir(parents=True, exist_ok=True)
        jsonl.write(out_dir / METRICS, metrics)
        run.save(out_dir / "policy")
        save_state(out_dir / ADAPTER, run.best, {})
        return counts | run.summary(metrics)


class SFT:
    """One run."""

    def __init__(self, policy_dir: Path, config: IterationConfig, progress: Progress) -> None:
        self.seed, self.config, self.progress = config.seed, config.sft, progress
        self.source = policy_dir
        self.tokenizer = ChatTokenizer(policy_dir)
        self.model = load_model(policy_dir, config)
        self.layers = self.model.adapted(self.config.lora_rank, self.config.lora_alpha, config.seed)
        self.best = adapter_state(self.layers)

    def split(self, demonstrations: Sequence[Row]) -> tuple[list[Dialogue], list[Dialogue]]:
        """Dialogues to learn from, and some held back to see how well."""
        dialogues = self._dialogues(demonstrations)
        order = torch.randperm(
            len(dialogues), generator=self._generator(RandomStream.HELD_BACK)
        ).tolist()
        count = int(len(dialogues) * self.config.validation_share)
        return [dialogues[i] for i in order[count:]], [dialogues[i] for i in order[:count]]

    def draw(self, replay: Sequence[Row], taught: int) -> list[Dialogue]:
        """As many replayed dialogues per one taught as the settings say, if there are."""
        count = min(len(replay), round(taught * self.config.replay_ratio))
        order = torch.randperm(
            len(replay), generator=self._generator(RandomStream.REPLAYED)
        ).tolist()
        return self._dialogues([replay[i] for i in order[:count]])

    def _dialogues(self, rows: Sequence[Row]) -> list[Dialogue]:
        found = [self.tokenizer.recent(row["messages"], self.config.max_tokens) for row in rows]
        return [dialogue for dialogue in found if dialogue is not None]

    def train(self, rows: list[Dialogue], held_back: list[Dialogue]) -> list[dict[str, float]]:
        """All epochs; a row of metrics for each, the first for the policy before any."""
        batches = Batches(self.model, rows)
        check = Batches(self.model, held_back or rows)
        generator = self._generator(RandomStream.BATCH_ORDER)
        steps = self.config.epochs * math.ceil(len(rows) / self.config.batch)
        optimiser = torch.optim.Adam(
            [p for p in self.layers.parameters() if p.requires_grad], lr=self.config.learning_rate
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, self._rate(steps))
        best = self._mean_loss(check)
        history = [{"epoch": 0.0, "loss/validation": best}]
        for epoch in range(self.config.epochs):
            losses = []
            for batch in batches.shuffled(self.config.batch, generator):
                losses.append(self._step(batches, batch, optimiser, schedule))
                self.progress("sft", schedule.last_epoch, steps, {"loss/train": losses[-1]})
            validation = self._mean_loss(check)
            history.append(
                {
                    "epoch": epoch + 1.0,
                    "loss/train": sum(losses) / len(losses),
                    "loss/validation": validation,
                }
            )
            if validation < best:
                best = validation
                self.best = {k: v.clone() for k, v in adapter_state(self.layers).items()}
        return history

    def _rate(self, steps: int) -> Any:
        """Linear warm-up, then a cosine down to a tenth."""
        warmup = max(1, round(self.config.warmup * steps))

        def rate(step: int) -> float:
            if step < warmup:
                return (step + 1) / warmup
            done = (step - warmup) / max(1, steps - warmup)
            return 0.1 + 0.45 * (1 + math.cos(math.pi * done))

        return rate

    def _step(
        self, batches: "Batches", batch: list[int], optimiser: torch.optim.Optimizer, schedule: Any
    ) -> float:
        optimiser.zero_grad()
        parameters = [p for group in optimiser.param_groups for p in group["params"]]
        total = batches.add_gradient(self.layers, batch)
        parallel.sum_gradients(parameters)
        nn.utils.clip_grad_norm_(parameters, self.config.max_grad_norm)
        optimiser.step()
        schedule.step()
        return total

    @torch.no_grad()
    def _mean_loss(self, batches: "Batches") -> float:
        everyone = list(range(len(batches.dialogues)))
        losses = [float(batches.loss(self.layers, group)) for group in batches.passes(everyone)]
        return sum(parallel.gather(losses)) / batches.written(everyone)

    def save(self, path: Path) -> None:
        """Writes the policy of the best epoch."""
        load_adapter(self.layers, self.best)
        self.model.save(self.source, path, self.layers)

    def summary(self, history: list[dict[str, float]]) -> dict[str, float]:
        """The losses before and at the epoch kept."""
        if not history:
            return {"epoch": 0.0}
        kept = min(history, key=lambda row: row["loss/validation"])
        return {"loss/before": history[0]["loss/validation"], **kept}

    def _generator(self, stream: RandomStream) -> torch.Generator:
        return torch.Generator().manual_seed(self.seed * 8 + stream)


class Batches:
    """Dialogues with the trunk's states of each, computed once."""

    def __init__(self, model: SplitModel, dialogues: list[Dialogue]) -> None:
        self.model, self.dialogues = model, dialogues
        self.ids = [torch.tensor(d.ids, device=model.device) for d in dialogues]
        self.masks = [torch.tensor(d.written, device=model.device) for d in dialogues]
        self.states = self._trunk()

    @torch.no_grad()
    def _trunk(self) -> list[Tensor]:
        found: list[tuple[int, Tensor]] = []
        for group in self.passes(list(range(len(self.ids)))):
            ids = pad([self.ids[i] for i in group])
            hidden = self.model.trunk(ids, positions(ids))
            found += [(i, hidden[k, : len(self.ids[i])].clone()) for k, i in enumerate(group)]
        states = dict(parallel.gather(found))
        return [states[i] for i in range(len(self.ids))]

    def shuffled(self, size: int, generator: torch.Generator) -> list[list[int]]:
        """Indexes of an epoch's batches."""
        order = torch.randperm(len(self.ids), generator=generator)
        return [batch.tolist() for batch in order.split(size)]

    def passes(self, batch: list[int]) -> list[list[int]]:
        """This rank's share of a batch, in groups of similar length that fit into one pass."""
        own = [batch[k] for k in parallel.share([len(self.ids[i]) for i in batch])]
        groups = buckets([len(self.ids[i]) for i in own], self.model.pass_tokens(PASS_TOKENS))
        return [[own[k] for k in group] for group in groups]

    def written(self, batch: list[int]) -> int:
        """How many tokens of a batch the assistant wrote."""
        return sum(int(self.masks[i].sum()) for i in batch)

    def add_gradient(self, layers: nn.ModuleList, batch: list[int], weight: float = 1.0) -> float:
        """Adds the gradient of ``weight`` times a batch's loss, a mean over its tokens.

        The gradient is of this rank's share; the loss, which is returned, is of the whole batch.
        """
        tokens, losses = self.written(batch), []
        for group in self.passes(batch):
            loss = self.loss(layers, group) / tokens
            (weight * loss).backward()
            losses.append(float(loss.detach()))
        return sum(parallel.gather(losses))

    def loss(self, layers: nn.ModuleList, group: list[int]) -> Tensor:
        """Cross-entropy summed over the written tokens of a group."""
        hidden = pad([self.states[i] for i in group])
        final = self.model.top(layers, hidden, positions(hidden))
        wanted = pad([self.masks[i] for i in group])[:, 1:]
        tokens = pad([self.ids[i] for i in group])[:, 1:]
        logprobs, _ = rlhf.logprobs_and_entropy(
            final[:, :-1][wanted], self.model.head, tokens[wanted]
        )
        return -logprobs.sum()
