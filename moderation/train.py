"""Trains the heads that ship, calibrates them, and sets the shipped thresholds.

    python -m moderation.train --data DIR [--pyrit WHEEL] [--out moderation/heads]

DIR holds the public sets that `moderation.examples` names; the wheel is that of PyRIT 1.1.0
(`pip download --no-deps pyrit==1.1.0`). One fold in five is never trained on:
`moderation.evaluate` measures on it. The other four are cross-fitted, so that calibration and
thresholds rest on scores of texts that the scoring heads had not seen; then the heads that ship are
trained on all four. Nothing is drawn at random: the same data give the same heads.
"""

import argparse
import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.torch import save_file
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from moderation.categories import CATEGORIES
from moderation.embedded import HEADS
from moderation.encoder import Encoder, bundled_encoder
from moderation.examples import TEST_FOLD, Example, read_all


@dataclass(frozen=True)
class Settings:
    """The scientific settings, recorded beside the results."""

    l2: float = 0.02  # per squared weight of a standardised feature, beside a mean loss
    steps: int = 50  # L-BFGS iterations
    source_weights: tuple[tuple[str, float], ...] = (
        ("mod_davidson", 0.3),  # noisy labels
        ("written", 2.0),
        ("eval_xstest", 2.0),
    )
    flag_benign_rate: float = 0.002  # at most this share of everyday texts is flagged, per category
    flag_beta: float = 0.5  # a false alarm weighs twice a miss
    block_precision: float = 0.9
    block_at_least: float = 0.5  # more likely than not


class Vectors(NamedTuple):
    """What the encoder makes of texts: a row per window, and the text each row belongs to."""

    rows: Tensor  # [windows, width]
    owner: Tensor  # [windows], indexes of texts; a text's first window comes first


class Heads(NamedTuple):
    """Logits = rows @ weight.T + offset."""

    weight: Tensor  # [13, width]
    offset: Tensor  # [13]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m moderation.train", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the public sets")
    parser.add_argument("--pyrit", type=Path, help="the wheel of PyRIT 1.1.0")
    parser.add_argument("--out", type=Path, default=HEADS)
    options = parser.parse_args()
    examples, digests = read_all(options.data, options.pyrit)
    train(examples, digests, options.out, Settings())


def train(
    examples: Sequence[Example], digests: dict[str, str], out: Path, settings: Settings
) -> None:
    """Writes heads.safetensors, heads.json and thresholds.json into `out`."""
    known = [example for example in examples if example.fold != TEST_FOLD]
    vectors = encode(known, Encoder(bundled_encoder()))
    unseen = cross_fit(known, vectors, settings)
    calibration = calibrate(unseen, known)
    heads = calibrated(fit(known, vectors, settings), calibration)
    scores = torch.sigmoid(unseen * calibration[0] + calibration[1])
    out.mkdir(parents=True, exist_ok=True)
    save_file(heads._asdict(), out / "heads.safetensors")
    digest = hashlib.sha256((out / "heads.safetensors").read_bytes()).hexdigest()
    description = {
        "version": f"minilm-{digest[:8]}",
        "settings": asdict(settings),
        "data": digests,
        "positives": {c: sum(e.labels.get(c, 0) for e in known) for c in CATEGORIES},
    }
    _write_json(out / "heads.json", description)
    _write_json(out / "thresholds.json", thresholds(scores, known, settings))


def encode(examples: Sequence[Example], encoder: Encoder) -> Vectors:
    """Reads the first four windows of every example; most have one."""
    windows = [encoder.windows(example.text)[:4] for example in examples]
    owner = [index for index, of_text in enumerate(windows) for _ in of_text]
    rows = encoder.vectors([window for of_text in windows for window in of_text])
    return Vectors(rows, torch.tensor(owner))


def cross_fit(examples: Sequence[Example], vectors: Vectors, settings: Settings) -> Tensor:
    """Logits [texts, 13], each from heads that were not trained on the text's fold."""
    logits = torch.zeros(len(examples), len(CATEGORIES))
    folds = torch.tensor([example.fold for example in examples])
    for fold in folds.unique():
        heads = fit(examples, vectors, settings, without=folds == fold)
        logits[folds == fold] = highest(heads, vectors, len(examples))[folds == fold]
    return logits


def fit(
    examples: Sequence[Example],
    vectors: Vectors,
    settings: Settings,
    without: Tensor | None = None,
) -> Heads:
    """Logistic regression per category on first windows, except those of the texts `without`.

    Unknown labels are left out. Features are standardised for the penalty; the heads returned take
    them as they are.
    """
    first = torch.cat([torch.ones(1, dtype=torch.bool), vectors.owner.diff() > 0])
    if without is not None:
        first &= ~without[vectors.owner]
    rows, owner = vectors.rows[first], vectors.owner[first].tolist()
    labels, weights = _labels([examples[index] for index in owner], settings)
    mean, deviation = rows.mean(0), rows.std(0) + 1e-6
    fitted = _fit_standardised((rows - mean) / deviation, labels, weights, settings)
    weight = fitted.weight / deviation
    return Heads(weight, fitted.offset - weight @ mean)


def _fit_standardised(rows: Tensor, labels: Tensor, weights: Tensor, settings: Settings) -> Heads:
    weight = torch.zeros(len(CATEGORIES), rows.shape[1], requires_grad=True)
    offset = torch.full((len(CATEGORIES),), -3.0, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [weight, offset], max_iter=settings.steps, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        optimizer.zero_grad()
        logits = nn.functional.linear(rows, weight, offset)
        losses = nn.functional.binary_cross_entropy_with_logits(logits, labels, reduction="none")
        mean = (losses * weights).sum(0) / weights.sum(0).clamp(min=1)  # [13]
        total = mean.sum() + settings.l2 * weight.square().sum()
        total.backward()
        return total

    optimizer.step(loss)
    return Heads(weight.detach(), offset.detach())


def _labels(examples: Sequence[Example], settings: Settings) -> tuple[Tensor, Tensor]:
    """Labels and weights, both [texts, 13]; a label that is not known weighs nothing."""
    of_source = dict(settings.source_weights)
    labels = [[float(example.labels.get(c, 0)) for c in CATEGORIES] for example in examples]
    weights = [
        [of_source.get(example.source, 1.0) * (c in example.labels) for c in CATEGORIES]
        for example in examples
    ]
    return torch.tensor(labels), torch.tensor(weights)


def highest(heads: Heads, vectors: Vectors, texts: int) -> Tensor:
    """The highest logits [texts, 13] of each text's windows."""
    logits = vectors.rows @ heads.weight.T + heads.offset
    owner = vectors.owner[:, None].expand_as(logits)
    lowest = torch.full((texts, len(CATEGORIES)), -30.0)
    return lowest.scatter_reduce(0, owner, logits, "amax")


def calibrate(logits: Tensor, examples: Sequence[Example]) -> tuple[Tensor, Tensor]:
    """Slope and offset [13] of each category's logit, on unseen texts (Platt 1999).

    The slope is kept positive, so that calibration never changes the order of texts.
    """
    calibration = []
    for column, category in enumerate(CATEGORIES):
        rows = [i for i, example in enumerate(examples) if category in example.labels]
        labels = [examples[i].labels[category] for i in rows]
        if len(set(labels)) < 2:
            calibration.append((1.0, 0.0))
            continue
        fitted = LogisticRegression(C=10.0).fit(logits[rows, column : column + 1].numpy(), labels)
        calibration.append((max(float(fitted.coef_[0, 0]), 0.1), float(fitted.intercept_[0])))
    slope, offset = torch.tensor(calibration).T
    return slope, offset


def calibrated(heads: Heads, calibration: tuple[Tensor, Tensor]) -> Heads:
    """Heads whose logits come out calibrated."""
    slope, offset = calibration
    return Heads((slope[:, None] * heads.weight).contiguous(), slope * heads.offset + offset)


def thresholds(
    scores: Tensor, examples: Sequence[Example], settings: Settings
) -> dict[str, dict[str, float]]:
    """{"flag": {category: threshold}, "block": {…}} from the scores [texts, 13] of unseen texts.

    flag: the best F-beta, but no more everyday texts above it than `flag_benign_rate`.
    block: precision of `block_precision` where that is reached, above every everyday text.
    """
    everyday = [i for i, example in enumerate(examples) if example.everyday]
    flag, block = {}, {}
    for column, category in enumerate(CATEGORIES):
        rows = [i for i, example in enumerate(examples) if category in example.labels]
        labels = np.array([examples[i].labels[category] for i in rows])
        known, benign = scores[rows, column].numpy(), scores[everyday, column].numpy()
        best = _best_f(known, labels, settings.flag_beta)
        precise = _at_precision(known, labels, settings.block_precision)
        flag[category] = max(best, _above(benign, 1 - settings.flag_benign_rate))
        block[category] = max(flag[category], precise, _above(benign, 1.0), settings.block_at_least)
    return {"flag": flag, "block": block}


def _above(scores: np.ndarray, share: float) -> float:
    """The threshold that `share` of the scores stay below; never out of reach."""
    reached = float(np.quantile(scores, share, method="higher")) if len(scores) else 0.0
    return min(_rounded(reached) + 0.001, 0.999)


def _rounded(score: float) -> float:
    return math.floor(score * 1000) / 1000


def _precision_recall(
    scores: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores (descending) with the precision and recall of flagging each and all above it."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(labels[order])
    return scores[order], hits / np.arange(1, len(scores) + 1), hits / max(1, labels.sum())


def _best_f(scores: np.ndarray, labels: np.ndarray, beta: float) -> float:
    at, precision, recall = _precision_recall(scores, labels)
    f = (1 + beta**2) * precision * recall / np.maximum(beta**2 * precision + recall, 1e-9)
    return _rounded(at[int(f.argmax())]) if len(at) else 0.999


def _at_precision(scores: np.ndarray, labels: np.ndarray, wanted: float) -> float:
    """The lowest score from which up the precision is as wanted; 0 where it nowhere is."""
    at, precision, _ = _precision_recall(scores, labels)
    reached = np.flatnonzero(precision >= wanted)
    return _rounded(at[reached[-1]]) if len(reached) else 0.0


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
