"""Retrains the shipped heads on decided appeals, within seconds, on the CPU.

Only the linear part of the heads changes, by MAP adaptation: a Gaussian prior around the shipped
weights, a loss on the decisions, and rehearsal of other texts, whose scores should stay. Retraining
always starts from the shipped heads, so an erased example has no effect on the next version.
"""

import hashlib
import json
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from moderation.appeals.dataset import DecidedAppeal, frozen
from moderation.appeals.registry import DESCRIPTION, EXAMPLES
from moderation.categories import CATEGORIES
from moderation.classifiers.embedded import HEADS, EmbeddedClassifier, HeadInputs
from moderation.rules import ModerationRules
from moderation.training.datasets import WRITTEN, LabelledText, read_written
from moderation.training.evaluate import acted_on, figures
from tutelage import atomic

_REHEARSED = 400  # texts whose scores should stay
_WEIGHT = 5.0  # of a decision, in rehearsed texts
_PENALTY = 100.0  # per squared weight; the features of a text have a squared length of 1600
_FOLDS = 5


class HeadUpdate(NamedTuple):
    """An addition to the linear heads: `weight` [13, features] and `bias` [13]."""

    weight: Tensor
    bias: Tensor

    def of(self, inputs: HeadInputs) -> Tensor:
        """The change of each text's logits [texts, 13]."""
        return (inputs.means * self.weight).sum(-1) + self.bias


def retrain_heads(
    decided: Sequence[DecidedAppeal], folder: Path, shipped: Path = HEADS
) -> dict[str, Any]:
    """Writes heads retrained on the decisions into a folder below `folder`.

    Returns its description, also in heads.json: version, base, SHA-256 of the frozen examples and
    figures. The same decisions give the same version. Raises ValueError without decisions.
    """
    if not decided:
        raise ValueError("there are no decisions to train on")
    classifier = EmbeddedClassifier.load(heads_dir=shipped)
    written = random.Random(0).sample(read_written(WRITTEN), _REHEARSED)
    rehearsed = classifier.head_inputs([each.text for each in written])
    inputs = classifier.head_inputs([each.text for each in decided])
    update = fit(classifier, inputs, decided, rehearsed)
    examples = frozen(decided)
    digest = hashlib.sha256(examples.encode()).hexdigest()
    version = f"{classifier.version}.{digest[:8]}"
    described = {
        "version": version,
        "base": classifier.version,
        "decisions": len(decided),
        "examples_sha256": digest,
        "created_at": time.time(),
        "agreement": _agreement(classifier, inputs, decided, rehearsed),
        "written": _kept(classifier, rehearsed, written, update),
    }
    _write(folder / version, _corrected(shipped, update), described, examples)
    return described


def fit(
    classifier: EmbeddedClassifier,
    inputs: HeadInputs,
    decided: Sequence[DecidedAppeal],
    rehearsed: HeadInputs,
) -> HeadUpdate:
    """The update that minimises the loss on decisions and rehearsed texts plus the penalty."""
    targets, weights = _as_tensors(decided)
    everything = HeadInputs(*(torch.cat(pair) for pair in zip(inputs, rehearsed, strict=True)))
    targets = torch.cat([targets, classifier.scores(rehearsed.logits)])
    weights = torch.cat([_WEIGHT * weights, torch.ones_like(rehearsed.logits)])
    change = HeadUpdate(
        torch.zeros(everything.means.shape[1:], requires_grad=True),
        torch.zeros(len(CATEGORIES), requires_grad=True),
    )
    optimizer = torch.optim.LBFGS(change, max_iter=60, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        logits = classifier.calibrated(everything.logits + change.of(everything))
        losses = nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
        total = (weights * losses).sum() + _PENALTY * change.weight.square().sum()
        total.backward()
        return total

    optimizer.step(loss)
    return HeadUpdate(change.weight.detach(), change.bias.detach())


def _as_tensors(decided: Sequence[DecidedAppeal]) -> tuple[Tensor, Tensor]:
    """Labels and a mask of those that are known, both [texts, 13]."""
    labels = [[float(each.labels.get(c, 0)) for c in CATEGORIES] for each in decided]
    known = [[float(c in each.labels) for c in CATEGORIES] for each in decided]
    return torch.tensor(labels), torch.tensor(known)


def _agreement(
    classifier: EmbeddedClassifier,
    inputs: HeadInputs,
    decided: Sequence[DecidedAppeal],
    rehearsed: HeadInputs,
) -> dict[str, float | int | None]:
    """The share of decided labels that the filter gets right, before and after retraining.

    After: cross-validated by conversation; None with a single conversation.
    """
    labels, known = _as_tensors(decided)
    reached = torch.tensor([[each.thresholds.get(c, 1.0) for c in CATEGORIES] for each in decided])

    def right(logits: Tensor) -> float:
        agreed = ((classifier.scores(logits) >= reached) == labels.bool()) * known
        return round(float(agreed.sum() / known.sum()), 4)

    after = inputs.logits.clone()
    folds = _folds(decided)
    for fold in folds if len(folds) > 1 else ():
        others = [i for i in range(len(decided)) if i not in fold]
        update = fit(classifier, inputs.rows(others), [decided[i] for i in others], rehearsed)
        after[fold] += update.of(inputs.rows(fold))
    return {
        "labels": int(known.sum()),
        "before": right(inputs.logits),
        "after": right(after) if len(folds) > 1 else None,
    }


def _folds(decided: Sequence[DecidedAppeal]) -> list[list[int]]:
    """Indexes in at most _FOLDS folds; a conversation is in one fold."""
    groups = sorted({each.group for each in decided})
    place = {group: n % _FOLDS for n, group in enumerate(groups)}
    parts = [[i for i, each in enumerate(decided) if place[each.group] == n] for n in range(_FOLDS)]
    return [part for part in parts if part]


def _kept(
    classifier: EmbeddedClassifier,
    rehearsed: HeadInputs,
    written: Sequence[LabelledText],
    update: HeadUpdate,
) -> dict[str, Any]:
    """The effect on texts without an appeal: AUPRC of any harm, and everyday texts flagged."""
    side = ModerationRules().prompt
    found: dict[str, Any] = {"texts": len(written)}
    for name, change in (("before", 0.0), ("after", update.of(rehearsed))):
        scores = classifier.scores(rehearsed.logits + change).tolist()
        scored = [
            (example, dict(zip(CATEGORIES, row, strict=True)))
            for example, row in zip(written, scores, strict=True)
        ]
        everyday = acted_on([row for row in scored if row[0].everyday], side)
        found[name] = {"any": figures(scored)["any"], "everyday": everyday["flagged"]}
    return found


def _corrected(shipped: Path, update: HeadUpdate) -> dict[str, Tensor]:
    heads = load_file(shipped / "heads.safetensors")
    heads["pooling.mean.weight"] += update.weight
    heads["pooling.mean.bias"] += update.bias
    return heads


def _write(
    folder: Path, heads: dict[str, Tensor], described: dict[str, Any], examples: str
) -> None:
    """The description is written last: a folder without one does not count as heads."""
    folder.mkdir(parents=True, exist_ok=True)
    atomic.write_text(folder / EXAMPLES, examples)
    with atomic.file(folder / "heads.safetensors") as beside:
        save_file(heads, beside)
    atomic.write_text(folder / DESCRIPTION, json.dumps(described, indent=1) + "\n")
