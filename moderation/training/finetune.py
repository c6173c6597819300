"""Fine-tunes adapters and heads on labelled texts, on one CPU core.

The layers below the adapters are frozen, so their output is computed once and cached. A killed run
resumes from its last checkpoint, with Adam's moments reset.
"""

import hashlib
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from moderation.categories import CATEGORIES
from moderation.encoder.adapters import adapt
from moderation.encoder.minilm import Transformer
from moderation.encoder.pooling import Pooling, mean_states
from moderation.training.datasets import LabelledText
from tutelage import atomic

_BATCH_TOKENS = 64 * 64  # without gradients
_STEPS_KEPT = 60  # between checkpoints
_LOSS_SCALE = 4.0  # a mean over 13 mostly easy categories is small


@dataclass(frozen=True)
class FinetuneSettings:
    """Hyper-parameters of one model; recorded with the results."""

    seed: int = 0
    first_layer: int = 3  # layers from here on are adapted
    rank: int = 16
    epochs: int = 2
    batch: int = 32  # texts
    learning_rate: float = 1e-3
    warm_up: int = 50  # steps
    dropout: float = 0.1
    adapter_decay: float = 0.01
    head_decay: float = 0.05
    l2: float = 0.02  # of the initial linear heads, per squared weight of a standardised feature
    source_weights: tuple[tuple[str, float], ...] = (
        ("mod_davidson", 0.3),  # noisy labels
        ("written", 2.0),
        ("eval_xstest", 2.0),
        ("mod_openai1680", 3.0),
    )


class TextBatch(NamedTuple):
    """Texts of similar length; `states` are the input of the first adapted layer."""

    states: Tensor  # [texts, tokens, WIDTH]
    mask: Tensor  # [texts, tokens] bool


class FrozenStates:
    """The cached output of the frozen layers: a row of bfloat16 states per token of every text."""

    def __init__(self, rows: Tensor, lengths: Sequence[int]) -> None:
        """`rows` [all tokens, WIDTH], text after text; `lengths` in tokens."""
        self.lengths = list(lengths)
        self._texts = rows.split(self.lengths)

    def batch(self, indexes: Sequence[int]) -> TextBatch:
        texts = [self._texts[index] for index in indexes]
        states = nn.utils.rnn.pad_sequence(list(texts), batch_first=True)
        lengths = torch.tensor([len(text) for text in texts])
        return TextBatch(states, torch.arange(states.shape[1]) < lengths[:, None])


def freeze(
    transformer: Transformer, texts: Sequence[Sequence[int]], first: int, kept: Path
) -> FrozenStates:
    """The output of the layers below `first` for token ids `texts`, cached in the folder `kept`."""
    digest = hashlib.sha256(repr((first, texts)).encode()).hexdigest()[:16]
    path = kept / f"states-{digest}.safetensors"
    if not path.exists():
        kept.mkdir(parents=True, exist_ok=True)
        with atomic.file(path) as beside:
            save_file({"rows": _read_all(transformer, texts, first)}, beside)
    return FrozenStates(load_file(path)["rows"], [len(text) for text in texts])


@torch.inference_mode()
def _read_all(transformer: Transformer, texts: Sequence[Sequence[int]], first: int) -> Tensor:
    transformer = transformer.bfloat16()
    found: dict[int, Tensor] = {}
    for indexes in _by_length([len(text) for text in texts], range(len(texts))):
        rows = [torch.tensor(texts[index]) for index in indexes]
        ids = nn.utils.rnn.pad_sequence(rows, batch_first=True)
        mask = torch.arange(ids.shape[1]) < torch.tensor([len(row) for row in rows])[:, None]
        states = transformer(transformer.embed(ids), mask[:, None, None, :], last=first)[-1]
        for index, row in zip(indexes, states, strict=True):
            found[index] = row[: len(texts[index])].clone()
    return torch.cat([found[index] for index in range(len(texts))])


def _by_length(lengths: Sequence[int], indexes: Sequence[int]) -> Iterator[list[int]]:
    """Indexes in batches of similar length and bounded size."""
    batch: list[int] = []
    for index in sorted(indexes, key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[index] > _BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


class FinetunedModel:
    """The adapted upper layers and the heads, in training."""

    def __init__(self, transformer: Transformer, settings: FinetuneSettings) -> None:
        torch.manual_seed(settings.seed)
        self.adapters = adapt(transformer, settings.first_layer, settings.rank)
        self.pooling = Pooling()
        self._transformer = transformer.bfloat16()
        for parameter in self.adapters.values():
            parameter.data = parameter.data.float()
        self._first = settings.first_layer

    def logits(self, batch: TextBatch, dropout: float = 0.0) -> Tensor:
        """[texts, 13]"""
        after = self._transformer(batch.states, batch.mask[:, None, None, :], first=self._first)
        return self.pooling([batch.states, *after], batch.mask, dropout)

    @torch.inference_mode()
    def mean_states(self, frozen: FrozenStates) -> Tensor:
        """The input of the linear heads for every text [texts, features]."""
        found: dict[int, Tensor] = {}
        for indexes in _by_length(frozen.lengths, range(len(frozen.lengths))):
            batch = frozen.batch(indexes)
            after = self._transformer(batch.states, batch.mask[:, None, None, :], self._first)
            means = mean_states([batch.states, *after], batch.mask)
            found |= dict(zip(indexes, means, strict=True))
        return torch.stack([found[index] for index in range(len(found))])

    @torch.inference_mode()
    def score(self, frozen: FrozenStates, indexes: Sequence[int]) -> Tensor:
        """Logits [texts, 13] in the order of `indexes`."""
        found: dict[int, Tensor] = {}
        for batch in _by_length(frozen.lengths, indexes):
            found |= dict(zip(batch, self.logits(frozen.batch(batch)), strict=True))
        return torch.stack([found[index] for index in indexes])

    def tensors(self) -> dict[str, Tensor]:
        """The trained tensors by name; the names of the heads begin with "pooling."."""
        heads = {f"pooling.{name}": each for name, each in self.pooling.state_dict().items()}
        return {name: each.detach() for name, each in (self.adapters | heads).items()}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Load what `tensors` returned."""
        for name, parameter in self.adapters.items():
            parameter.data = tensors[name]
        prefix = "pooling."
        heads = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        self.pooling.load_state_dict(heads)


def finetune(
    model: FinetunedModel,
    frozen: FrozenStates,
    examples: Sequence[LabelledText],
    indexes: Sequence[int],
    settings: FinetuneSettings,
    folder: Path,
) -> None:
    """Trains `model` on the examples at `indexes`; resumes from the checkpoint in `folder`."""
    optimizer = _optimizer(model, settings)
    labels, weights = as_tensors(examples, settings)
    batches = _batches(frozen, indexes, settings)
    losses = 0.0
    for step in range(_resume(folder, model), len(batches)):
        batch = batches[step]
        _set_rate(optimizer, settings, step / len(batches), step)
        logits = model.logits(frozen.batch(batch), settings.dropout)
        losses += _step(optimizer, logits, labels[batch], weights[batch])
        if (step + 1) % _STEPS_KEPT == 0 or step + 1 == len(batches):
            _keep(folder, step + 1, model)
            print(f"{folder.name}: {step + 1} of {len(batches)} steps, "
                  f"loss {losses / _STEPS_KEPT:.4f}", flush=True)  # fmt: skip
            losses = 0.0


def as_tensors(
    examples: Sequence[LabelledText], settings: FinetuneSettings
) -> tuple[Tensor, Tensor]:
    """Labels and weights, both [texts, 13]; an unknown label has weight 0."""
    of_source = dict(settings.source_weights)
    labels = [[float(example.labels.get(c, 0)) for c in CATEGORIES] for example in examples]
    weights = [
        [of_source.get(example.source, 1.0) * (c in example.labels) for c in CATEGORIES]
        for example in examples
    ]
    return torch.tensor(labels), torch.tensor(weights)


def begin(
    model: FinetunedModel, means: Tensor, examples: Sequence[LabelledText], indexes: Sequence[int],
    settings: FinetuneSettings,
) -> None:  # fmt: skip
    """Initialises the linear heads by logistic regression on the untrained model's `means`.

    `means` [texts, POOLED_LAYERS * WIDTH] are standardised for the penalty.
    """
    labels, weights = (each[indexes] for each in as_tensors(examples, settings))
    rows = means[indexes]
    mean, deviation = rows.mean(0), rows.std(0) + 1e-6
    weight, offset = _logistic((rows - mean) / deviation, labels, weights, settings.l2)
    model.pooling.mean.weight.data = weight / deviation
    model.pooling.mean.bias.data = offset - (weight / deviation) @ mean


def _logistic(rows: Tensor, labels: Tensor, weights: Tensor, l2: float) -> tuple[Tensor, Tensor]:
    """Weight [13, features] and offset [13] that minimise the weighted cross-entropy, by L-BFGS."""
    weight = torch.zeros(labels.shape[1], rows.shape[1], requires_grad=True)
    offset = torch.full((labels.shape[1],), -3.0, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, offset], max_iter=50, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        logits = nn.functional.linear(rows, weight, offset)
        losses = nn.functional.binary_cross_entropy_with_logits(logits, labels, reduction="none")
        mean = (losses * weights).sum(0) / weights.sum(0).clamp(min=1)  # [13]
        total = mean.sum() + l2 * weight.square().sum()
        total.backward()
        return total

    optimizer.step(loss)
    return weight.detach(), offset.detach()


def _step(
    optimizer: torch.optim.Optimizer, logits: Tensor, labels: Tensor, weights: Tensor
) -> float:
    """One update; all are [texts, 13]."""
    losses = nn.functional.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    loss = (losses * weights).sum() / weights.sum().clamp(min=1) * _LOSS_SCALE
    optimizer.zero_grad()
    loss.backward()
    for group in optimizer.param_groups:
        nn.utils.clip_grad_norm_(group["params"], 1.0)
    optimizer.step()
    return loss.item()


def _optimizer(model: FinetunedModel, settings: FinetuneSettings) -> torch.optim.AdamW:
    return torch.optim.AdamW(
        [
            {"params": list(model.adapters.values()), "weight_decay": settings.adapter_decay},
            {"params": list(model.pooling.parameters()), "weight_decay": settings.head_decay},
        ],
        lr=settings.learning_rate,
    )


def _set_rate(
    optimizer: torch.optim.Optimizer, settings: FinetuneSettings, done: float, step: int
) -> None:
    """Linear warm-up, then linear decay to a twentieth."""
    rate = settings.learning_rate * min(1.0, (step + 1) / settings.warm_up) * max(0.05, 1 - done)
    for group in optimizer.param_groups:
        group["lr"] = rate


def _batches(
    frozen: FrozenStates, indexes: Sequence[int], settings: FinetuneSettings
) -> list[list[int]]:
    """All batches of all epochs: texts of similar length together, batches in random order."""
    draw = random.Random(settings.seed)
    pool = 20 * settings.batch
    found = []
    for _ in range(settings.epochs):
        order = list(indexes)
        draw.shuffle(order)
        epoch = []
        for start in range(0, len(order), pool):
            near = sorted(order[start : start + pool], key=frozen.lengths.__getitem__)
            epoch += [near[at : at + settings.batch] for at in range(0, len(near), settings.batch)]
        draw.shuffle(epoch)
        found += epoch
    return found


def _keep(folder: Path, steps: int, model: FinetunedModel) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with atomic.file(folder / "checkpoint.safetensors") as beside:
        save_file(model.tensors() | {"steps": torch.tensor(steps)}, beside)


def _resume(folder: Path, model: FinetunedModel) -> int:
    """Load the checkpoint, if there is one; returns the number of steps done."""
    path = folder / "checkpoint.safetensors"
    if not path.exists():
        return 0
    kept = load_file(path)
    steps = int(kept.pop("steps"))
    model.load(kept)
    return steps
