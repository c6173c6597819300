"""Trains the adapters and heads that ship, calibrates them, and sets the shipped thresholds.

    python -m moderation.training.train --data DIR --work DIR [--pyrit WHEEL] [--out DIR]

--data is the folder of the public sets that `moderation.training.datasets` names; the wheel is
PyRIT 1.1.0 (`pip download --no-deps pyrit==1.1.0`). The shipped heads are trained on every text
and evaluated by cross-validation: for each third of the texts, everything (adapters, heads and
words) is trained on the other two thirds, and the third is scored as in the service, in full and in
int8. Calibration and thresholds are set on one half of the texts; the results are reported on the
other half. --work holds checkpoints, from which a killed run resumes.
"""

import argparse
import hashlib
import json
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from moderation.categories import CATEGORIES
from moderation.classifiers.embedded import HEADS, EmbeddedClassifier
from moderation.encoder.adapters import input_ranges, merge
from moderation.encoder.deobfuscate import Words
from moderation.encoder.encoder import bundled_encoder, read_tokenizer
from moderation.encoder.lexical import Lexical
from moderation.encoder.minilm import read_transformer
from moderation.encoder.normalize import normalize
from moderation.rules import Action, ModerationRules, Rule, SideRules
from moderation.threshold_effects import histogram
from moderation.training.datasets import EVERYDAY_SOURCES, LabelledText, read_all, read_groups
from moderation.training.finetune import (
    FinetunedModel,
    FinetuneSettings,
    FrozenStates,
    as_tensors,
    begin,
    finetune,
    freeze,
)
from moderation.training.lexical_fit import fit
from moderation.training.model_card import card, results

_LONGEST = {"mod_openai1680": 160, "pyrit_harm": 96}  # tokens read of a text of that source
_LONGEST_OTHER = 64
_LONGEST_LEXICAL = 512
_OBSERVED = 400  # texts on which the int8 ranges are measured
_COMPOSED = 400  # texts with a harmful sentence between harmless ones


@dataclass(frozen=True)
class ThresholdCriteria:
    """The criteria that set the shipped thresholds."""

    flag_benign_rate: float = 0.02  # at most this share of harmless texts is flagged, per category
    flag_group_rate: float = 0.03  # and this share of harmless texts about a group of people
    flag_beta: float = 1.5
    block_precision: float = 0.9
    block_at_least: float = 0.5  # more likely than not


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m moderation.training.train", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the public sets")
    parser.add_argument("--pyrit", type=Path, help="the wheel of PyRIT 1.1.0")
    parser.add_argument("--work", type=Path, required=True, help="folder for checkpoints")
    parser.add_argument("--out", type=Path, default=HEADS)
    parser.add_argument("--appeals", type=Path, help="a file from `tutelage moderation export`")
    options = parser.parse_args()
    examples, digests = read_all(options.data, options.pyrit, options.appeals)
    groups = read_groups(options.data)
    train(examples, digests, options.work, options.out, FinetuneSettings(), groups)


def train(
    examples: Sequence[LabelledText],
    digests: dict[str, str],
    work: Path,
    out: Path,
    settings: FinetuneSettings,
    groups: Mapping[str, str] | None = None,
) -> None:
    """Writes adapters and heads, thresholds, their effects and the model card into `out`.

    `groups` gives the group of people that a text is about, for thresholds and the card.
    """
    corpus = read_corpus(examples, settings, work)
    unseen = cross_validated(corpus, examples, work)
    heads = corpus.heads(range(len(corpus.texts)), work / "model")
    _publish(heads, unseen, examples, digests, settings, groups or {}, out)


@dataclass(frozen=True)
class Corpus:
    """All texts tokenised for training: in full, truncated, and as output of the frozen layers."""

    texts: Sequence[LabelledText]
    read: Sequence[list[int]]
    cut: Sequence[list[int]]
    frozen: FrozenStates
    settings: FinetuneSettings

    def heads(self, seen: Sequence[int], kept: Path) -> dict[str, Tensor]:
        """The tensors to serve, trained on the texts at `seen`; `kept` holds the checkpoints."""
        model = fitted(self.texts, seen, self.frozen, self.settings, kept)
        labels, weights = as_tensors([self.texts[i] for i in seen], self.settings)
        lexical = fit([self.read[i] for i in seen], labels, weights)
        return served(model, lexical, bundled_encoder(), [self.cut[i] for i in seen])


def read_corpus(examples: Sequence[LabelledText], settings: FinetuneSettings, work: Path) -> Corpus:
    """`examples` and texts composed of them; the frozen layers' output is cached in `work`."""
    folder = bundled_encoder()
    texts = [*examples, *composed(examples, settings.seed)]
    read = tokens(texts, folder)
    cut = shortened(read, texts)
    frozen = freeze(read_transformer(folder), cut, settings.first_layer, work)
    return Corpus(texts, read, cut, frozen, settings)


def cross_validated(corpus: Corpus, examples: Sequence[LabelledText], work: Path) -> Tensor:
    """Held-out logits [texts, 13] of the examples, by heads trained on the other folds."""
    logits = torch.zeros(len(examples), len(CATEGORIES))
    for fold in sorted({example.fold for example in examples}):
        seen = [i for i, text in enumerate(corpus.texts) if text.fold != fold]
        unseen = [i for i, example in enumerate(examples) if example.fold == fold]
        kept = work / f"fold-{fold}"
        logits[unseen] = read_uncalibrated(
            corpus.heads(seen, kept), [examples[i] for i in unseen], kept
        )
    return logits


def read_uncalibrated(
    heads: dict[str, Tensor], examples: Sequence[LabelledText], kept: Path
) -> Tensor:
    """Logits [texts, 13] as the service would compute them with these heads, written to `kept`."""
    _write_heads(kept, heads, torch.ones(len(CATEGORIES)), torch.zeros(len(CATEGORIES)))
    _write_json(kept / "heads.json", {"version": "uncalibrated"})
    classifier = EmbeddedClassifier.load(heads_dir=kept)
    return classifier.logits([example.text for example in examples])


def fitted(
    texts: Sequence[LabelledText],
    indexes: Sequence[int],
    frozen: FrozenStates,
    settings: FinetuneSettings,
    kept: Path,
) -> FinetunedModel:
    """A model trained on the texts at `indexes`; `kept` holds the checkpoints."""
    model = FinetunedModel(read_transformer(bundled_encoder()), settings)
    if not (kept / "checkpoint.safetensors").exists():
        begin(model, model.mean_states(frozen), texts, indexes, settings)
    finetune(model, frozen, texts, indexes, settings, kept)
    return model


def composed(examples: Sequence[LabelledText], seed: int) -> list[LabelledText]:
    """Short harmful texts placed between everyday ones, which must not hide the harm.

    They share the fold of the harmful text, which lies within the tokens that training reads.
    """
    draw = random.Random(seed)
    sources = (*EVERYDAY_SOURCES, "written")
    calm = [
        e.text
        for e in examples
        if e.harmful is False and e.source in sources and 20 < len(e.text) < 100
    ]
    short = [e for e in examples if e.harmful and len(e.text) < 120 and e.source != "mod_davidson"]
    found = []
    for harm in draw.sample(short, min(_COMPOSED, len(short) // 2) if calm else 0):
        before, after = draw.choice(calm), draw.choice(calm)
        text = f"{before} {harm.text} {after}"
        found.append(LabelledText(text, harm.labels, harm.source, harm.group))
    return found


def tokens(examples: Sequence[LabelledText], encoder: Path) -> list[list[int]]:
    """Token ids of every text, normalised, truncated for the lexical part."""
    tokenizer = read_tokenizer(encoder)
    words = Words(tokenizer.get_vocab())
    return [
        tokenizer.encode(normalize(example.text, words)).ids[:_LONGEST_LEXICAL]
        for example in examples
    ]


def shortened(read: Sequence[list[int]], examples: Sequence[LabelledText]) -> list[list[int]]:
    """Token ids, truncated for training the encoder."""
    return [
        ids[: _LONGEST.get(example.source, _LONGEST_OTHER)]
        for ids, example in zip(read, examples, strict=True)
    ]


def _publish(
    heads: dict[str, Tensor],
    unseen: Tensor,
    examples: Sequence[LabelledText],
    digests: dict[str, str],
    settings: FinetuneSettings,
    groups: Mapping[str, str],
    out: Path,
) -> None:
    """Write the files that ship; `unseen` [texts, 13] are the cross-validated logits."""
    half = [i for i, example in enumerate(examples) if not example.reported]
    development = [examples[i] for i in half]
    slope, offset = calibrate(unseen[half], development)
    scores = torch.sigmoid(unseen * slope + offset)
    _write_heads(out, heads, slope, offset)
    digest = hashlib.sha256((out / "heads.safetensors").read_bytes()).hexdigest()
    version = f"minilm-{digest[:8]}"
    criteria = ThresholdCriteria()
    positives = {c: sum(e.labels.get(c, 0) for e in examples) for c in CATEGORIES}
    shipped = thresholds(scores[half], development, criteria, groups)
    _write_json(out / "heads.json", {"version": version,
                                     "settings": asdict(settings) | asdict(criteria),
                                     "data": digests, "positives": positives})  # fmt: skip
    _write_json(out / "thresholds.json", shipped)
    _write_json(out / "effects.json", {"version": version,
                                       "categories": measured(scores, examples)})  # fmt: skip
    rows = [dict(zip(CATEGORIES, row, strict=True)) for row in scores.tolist()]
    scored = list(zip(examples, rows, strict=True))
    found = results(scored, shipped_side(shipped), groups)
    _write_json(out / "figures.json", {"version": version} | found)
    (out / "CARD.md").write_text(card(version, found), "utf-8")


def _write_heads(out: Path, heads: dict[str, Tensor], slope: Tensor, offset: Tensor) -> None:
    out.mkdir(parents=True, exist_ok=True)
    save_file(heads | {"slope": slope, "offset": offset}, out / "heads.safetensors")


def shipped_side(shipped: dict[str, dict[str, float]]) -> SideRules:
    """The shipped rules for prompts, with these thresholds."""
    rules = {
        category: Rule(
            threshold=shipped["block" if rule.action is Action.BLOCK else "flag"][category],
            action=rule.action,
        )
        for category, rule in ModerationRules().prompt.rules.items()
    }
    return SideRules(rules=rules)


def served(
    model: FinetunedModel, lexical: Lexical, folder: Path, texts: Sequence[list[int]]
) -> dict[str, Tensor]:
    """The tensors to serve: adapters in half precision, ranges for int8, the heads.

    The ranges are measured on some of the token ids `texts`.
    """
    half = {name: each.detach().half() for name, each in model.adapters.items()}
    transformer = read_transformer(folder)
    merge(transformer, half)
    ranges = input_ranges(transformer, random.Random(0).sample(texts, min(_OBSERVED, len(texts))))
    return {
        **{f"adapters.{name}": each for name, each in half.items()},
        **{f"ranges.{name}": each for name, each in ranges.items()},
        **{f"pooling.{name}": each for name, each in model.pooling.state_dict().items()},
        **{f"lexical.{name}": each for name, each in lexical.state_dict().items()},
    }


def measured(scores: Tensor, examples: Sequence[LabelledText]) -> dict[str, dict[str, list[int]]]:
    """Histograms of held-out scores by category, for harmful, harmless and everyday texts."""
    found = {}
    for column, category in enumerate(CATEGORIES):
        by_label: dict[int, list[float]] = {0: [], 1: []}
        for row, example in enumerate(examples):
            if category in example.labels:
                by_label[example.labels[category]].append(float(scores[row, column]))
        everyday = [float(scores[i, column]) for i, e in enumerate(examples) if e.everyday]
        found[category] = {
            "positives": histogram(by_label[1]),
            "negatives": histogram(by_label[0]),
            "everyday": histogram(everyday),
        }
    return found


def calibrate(logits: Tensor, examples: Sequence[LabelledText]) -> tuple[Tensor, Tensor]:
    """Slope and offset [13] of each category's logit, on held-out texts (Platt 1999).

    The slope is positive, so that calibration never changes the order of texts.
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
    return slope.contiguous(), offset.contiguous()


def thresholds(
    scores: Tensor,
    examples: Sequence[LabelledText],
    criteria: ThresholdCriteria,
    groups: Mapping[str, str] | None = None,
) -> dict[str, dict[str, float]]:
    """{"flag": {category: threshold}, "block": {…}} from the scores [texts, 13] of held-out texts.

    flag: the best F-beta, but no more harmless texts above it than `flag_benign_rate`, and of
    those that name a group of people (`groups` by text) than `flag_group_rate`.
    block: precision of `block_precision` where that is reached, above every everyday text.
    """
    harmless = [i for i, example in enumerate(examples) if example.harmful is False]
    everyday = [i for i in harmless if examples[i].everyday]
    named = [i for i, e in enumerate(examples) if e.text in (groups or {}) and not e.harmful]
    flag, block = {}, {}
    for column, category in enumerate(CATEGORIES):
        rows = [i for i, example in enumerate(examples) if category in example.labels]
        labels = np.array([examples[i].labels[category] for i in rows])
        known = scores[rows, column].numpy()
        best = _best_f(known, labels, criteria.flag_beta)
        precise = _at_precision(known, labels, criteria.block_precision)
        never = _above(scores[everyday, column].numpy(), 1.0)
        benign = _above(scores[harmless, column].numpy(), 1 - criteria.flag_benign_rate)
        fair = _above(scores[named, column].numpy(), 1 - criteria.flag_group_rate)
        flag[category] = max(best, benign, fair)
        block[category] = max(flag[category], precise, never, criteria.block_at_least)
    return {"flag": flag, "block": block}


def _above(scores: np.ndarray, share: float) -> float:
    """The threshold that `share` of the scores stay below; at most 0.999."""
    reached = float(np.quantile(scores, share, method="higher")) if len(scores) else 0.0
    return min(_rounded(reached) + 0.001, 0.999)


def _rounded(score: float) -> float:
    return math.floor(score * 1000) / 1000


def _precision_recall(
    scores: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores (descending), and the precision and recall with each of them as the threshold."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(labels[order])
    return scores[order], hits / np.arange(1, len(scores) + 1), hits / max(1, labels.sum())


def _best_f(scores: np.ndarray, labels: np.ndarray, beta: float) -> float:
    at, precision, recall = _precision_recall(scores, labels)
    f = (1 + beta**2) * precision * recall / np.maximum(beta**2 * precision + recall, 1e-9)
    return _rounded(at[int(f.argmax())]) if len(at) else 0.999


def _at_precision(scores: np.ndarray, labels: np.ndarray, wanted: float) -> float:
    """The lowest threshold with the wanted precision; 0 where none has it."""
    at, precision, _ = _precision_recall(scores, labels)
    reached = np.flatnonzero(precision >= wanted)
    return _rounded(at[reached[-1]]) if len(reached) else 0.0


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
