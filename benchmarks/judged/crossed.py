"""Reward models of several sets of comparisons, each tested on unseen first messages.

First messages are assigned to folds once for all sets. Each fold is scored by a head that was
fitted to the other folds alone, of any set, so every comparison is tested once.
"""

import hashlib
import itertools
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from judged.sets import Row, agreement
from judged.tfidf_baseline import tfidf
from safetensors.torch import load_file, save_file
from torch import Tensor

from training.compute import compute
from training.config import IterationConfig
from training.model.load import load_model
from training.model.tokenizer import ChatTokenizer
from training.progress import Progress
from training.reward.features import all_features, trunk_states
from training.reward.head import fit
from training.reward.preferences import PreferenceBatch, PreferenceExample, preference_examples
from tutelage.statistics import bootstrap_ratio

FOLDS = 5
RESAMPLES = 2000
SEEDS = 3  # samples of each size on the learning curve


class Known(NamedTuple):
    """A ranking and its features."""

    row: Row
    judged: PreferenceExample
    features: Tensor  # [K, D]

    @property
    def fold(self) -> int:
        """The fold of a first message."""
        return int(hashlib.sha256(self.judged.conversation.encode()).hexdigest(), 16) % FOLDS


Scorer = Callable[[Sequence[Known], Sequence[Known]], list[Tensor]]


def known(
    policy: Path,
    rows: Sequence[Row],
    config: IterationConfig,
    kept: Path | None,
    progress: Progress,
) -> list[Known]:
    """The features of each ranking: computed once, and cached in a file if one is named.

    Rankings longer than the settings allow are left out.
    """
    tokenizer, most = ChatTokenizer(policy), config.reward_model.max_tokens
    pairs = [
        (row, each) for row in rows for each in preference_examples(tokenizer, [row], [], most)
    ]
    judged = [each for _, each in pairs]
    if kept and kept.is_file():
        features = list(load_file(kept)["features"].split([len(each.responses) for each in judged]))
    else:
        features = _features(policy, judged, config, progress)
        if kept:
            save_file({"features": torch.cat(features)}, kept)
    return [Known(*pair, each) for pair, each in zip(pairs, features, strict=True)]


def _features(
    policy: Path, rows: Sequence[PreferenceExample], config: IterationConfig, progress: Progress
) -> list[Tensor]:
    """Features [K, D] of each row; the states behind them are too many to keep."""
    found = []
    with compute(config):
        model = load_model(policy, config)
        for i, row in enumerate(rows):
            found += all_features(model, model.reference, [row], [trunk_states(model, row)])
            progress("features", i + 1, len(rows), {})
    return found


def heads(config: IterationConfig) -> Scorer:
    """The shipped head, fitted to some rankings, scores the responses of others."""

    def scores(train: Sequence[Known], test: Sequence[Known]) -> list[Tensor]:
        with compute(config):
            head = fit([k.judged for k in train], [k.features for k in train], config.reward_model)
        return [head.score(k.features) for k in test]

    return scores


def words(train: Sequence[Known], test: Sequence[Known]) -> list[Tensor]:
    """The baseline: scores of a regression on words for the same responses."""
    return tfidf([k.row for k in train], [k.row for k in test])


def longer(test: Sequence[Known]) -> list[Tensor]:
    """The rule "longer wins", in tokens."""
    return [k.features[:, -1] for k in test]


def out_of_fold(
    scorer: Scorer, train: Sequence[Known], test: Sequence[Known], most: int | None = None
) -> list[Tensor]:
    """Scores [K] of each of ``test``, fitted to at most ``most`` rankings of the other folds."""
    found: dict[int, Tensor] = {}
    for fold in range(FOLDS):
        seen = [k for k in train if k.fold != fold][:most]
        unseen = [i for i, k in enumerate(test) if k.fold == fold]
        if unseen:
            found |= zip(unseen, scorer(seen, [test[i] for i in unseen]), strict=True)
    return [found[i] for i in range(len(test))]


class Accuracy(NamedTuple):
    """Accuracy on the decided pairs of some rankings."""

    share: float
    low: float  # of the bootstrap over rankings
    high: float
    matched: float | None  # on pairs of like length
    comparisons: int

    @classmethod
    def of(cls, test: Sequence[Known], scores: Sequence[Tensor]) -> "Accuracy":
        """Of scores [K] of each ranking's responses."""
        each = [PreferenceBatch.of([k.judged]) for k in test]
        right = [o.right(s) for o, s in zip(each, scores, strict=True)]
        whole = bootstrap_ratio(
            [float(r.sum()) for r in right], [len(r) for r in right], RESAMPLES, 0
        )
        alike = [o.length_matched(k.features[:, -1]) for o, k in zip(each, test, strict=True)]
        matched = torch.cat(right)[torch.cat(alike)]
        share = float(matched.mean()) if len(matched) else None
        return cls(whole.mean, whole.low, whole.high, share, sum(map(len, right)))


def by_set(
    sets: Mapping[str, Sequence[Known]], config: IterationConfig, progress: Progress
) -> dict[str, Any]:
    """Accuracy on each set, of heads trained on one set or on all, and of the baselines."""
    everything = [k for each in sets.values() for k in each]
    trained = {}
    for group, train in (*sets.items(), ("all", everything)):
        trained[group] = iter(out_of_fold(heads(config), train, everything))
        progress("sets", len(trained), len(sets) + 1, {})
    return {
        name: {
            "rankings": len(test),
            "human_agreement": agreement([k.row for k in test]),
            "longer_wins": Accuracy.of(test, longer(test))._asdict(),
            "tfidf": Accuracy.of(test, out_of_fold(words, test, test))._asdict(),
            "trained_on": {
                group: Accuracy.of(test, list(itertools.islice(scores, len(test))))._asdict()
                for group, scores in trained.items()
            },
        }
        for name, test in sets.items()
    }


def curve(
    rows: Sequence[Known], sizes: Sequence[int], config: IterationConfig, progress: Progress
) -> dict[str, Any]:
    """Accuracy by number of training rankings; the last size is four fifths of all."""
    found: dict[str, Any] = {}
    for i, size in enumerate((*sizes, None)):
        samples = [
            random.Random(seed).sample(rows, len(rows)) for seed in range(SEEDS if size else 1)
        ]
        every = [
            Accuracy.of(rows, out_of_fold(heads(config), sample, rows, size)) for sample in samples
        ]
        found[str(size or len(rows) * (FOLDS - 1) // FOLDS)] = [each._asdict() for each in every]
        progress("curve", i + 1, len(sizes) + 1, {})
    return found
