"""Figures of a classifier on labelled texts: AUPRC, AUROC, calibration, false alarms, intervals.

Intervals are 95 % percentile bootstraps that draw texts with replacement.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from moderation.categories import CATEGORIES
from moderation.classifier import ModerationClassifier
from moderation.rules import Action, ModerationRules, SideRules, judge
from moderation.training.datasets import LabelledText
from tutelage.statistics import LEVEL, calibration_bins, percentile_interval, resample_indices

_ABOUT_128_TOKENS = "The quick brown fox jumps over the lazy dog near the river bank. " * 9
_DRAWS = 300
_BINS = 10

Scored = tuple[LabelledText, dict[str, float]]
Pairs = Sequence[tuple[int, float]]  # (label, score)
Bounds = list[float]  # [low, high]


def score(classifier: ModerationClassifier, examples: Sequence[LabelledText]) -> list[Scored]:
    """Each example with its scores."""
    scores = classifier.classify([example.text for example in examples])
    return list(zip(examples, scores, strict=True))


def figures(scored: Sequence[Scored]) -> dict[str, Any]:
    """AUPRC per category over the texts whose label is known, and of any harm over all texts.

    A figure is None where only one label occurs. "any" ranks texts by their highest score among the
    categories that occur as labels: in the others a false alarm cannot be recognised.
    """
    auprc = {c: _figure(average_precision_score, _known(c, scored)) for c in CATEGORIES}
    measured = [figure for figure in auprc.values() if figure is not None]
    return {
        "texts": len(scored),
        "auprc": auprc,
        "macro": round(sum(measured) / len(measured), 4) if measured else None,
        "any": _figure(average_precision_score, _any_harm(scored)),
        "positives": {c: sum(e.labels.get(c, 0) for e, _ in scored) for c in CATEGORIES},
    }


def intervals(scored: Sequence[Scored], draws: int = _DRAWS) -> dict[str, Bounds]:
    """95 % intervals of `macro`, `any` and each category's AUPRC, by name."""
    found: dict[str, list[float]] = {name: [] for name in ("macro", "any", *CATEGORIES)}
    for chosen in resample_indices(len(scored), draws, 0):
        result = figures([scored[index] for index in chosen])
        drawn = result | result["auprc"]
        for name, values in found.items():
            if drawn[name] is not None:
                values.append(drawn[name])
    return {name: _interval(values) for name, values in found.items() if values}


def auroc_of_any(scored: Sequence[Scored]) -> tuple[float | None, Bounds | None]:
    """AUROC of any harm by the highest score, with its interval."""
    pairs = _any_harm(scored)
    return _figure(roc_auc_score, pairs), _bootstrap(roc_auc_score, pairs)


def figures_of_sets(scored: Sequence[Scored]) -> dict[str, Any]:
    """Threshold-free metrics on single public sets, for comparison with published figures."""
    openai = [row for row in scored if row[0].source == "mod_openai1680"]
    hatecheck = _known("hate", [row for row in scored if row[0].source == "mod_hatecheck"])
    return {
        "openai": figures(openai) | {"intervals": intervals(openai)},
        "hatecheck_auroc": _figure(roc_auc_score, hatecheck),
        "hatecheck_interval": _bootstrap(roc_auc_score, hatecheck),
    }


def shares_of_sets(scored: Sequence[Scored], side: SideRules | None = None) -> dict[str, Any]:
    """The actions of the rules for prompts on everyday texts and on XSTest."""
    side = side or ModerationRules().prompt
    xstest = [row for row in scored if row[0].source == "eval_xstest"]
    return {
        "xstest_safe": acted_on([row for row in xstest if not any(row[0].labels.values())], side),
        "xstest_unsafe": acted_on([row for row in xstest if any(row[0].labels.values())], side),
        "everyday": acted_on([row for row in scored if row[0].everyday], side),
    }


def acted_on(scored: Sequence[Scored], side: SideRules | None = None) -> dict[str, Any]:
    """The shares of texts that the rules for prompts flag, warn of and block."""
    side = side or ModerationRules().prompt
    verdicts = [judge(scores, side) for _, scores in scored]
    flagged = [bool(verdict.flagged) for verdict in verdicts]
    return {
        "texts": len(verdicts),
        "flagged": share(flagged),
        "interval": share_interval(flagged),
        "warned": share([verdict.action is Action.WARN for verdict in verdicts]),
        "blocked": share([verdict.action is Action.BLOCK for verdict in verdicts]),
    }


def calibration(scored: Sequence[Scored]) -> list[dict[str, float]]:
    """Calibration: score and share of harmful labels in each tenth, over all known labels."""
    pairs = [pair for category in CATEGORIES for pair in _known(category, scored)]
    labels, scores = zip(*pairs, strict=True) if pairs else ((), ())
    return [
        {"labels": b.count, "score": round(b.confidence, 4), "harmful": round(b.accuracy, 4)}
        for b in calibration_bins(scores, labels, _BINS)
    ]


def by_group(scored: Sequence[tuple[str, Scored]], side: SideRules) -> dict[str, dict[str, Any]]:
    """False alarms by the group of people that a harmless text names."""
    groups: dict[str, list[Scored]] = {}
    for group, row in scored:
        if row[0].labels.get("hate") == 0:
            groups.setdefault(group, []).append(row)
    return {group: acted_on(rows, side) for group, rows in sorted(groups.items())}


def cpu_milliseconds(classifier: ModerationClassifier, repeats: int = 20) -> float:
    """Median CPU time of one call with one text of about 128 tokens, over `repeats` calls."""
    classifier.classify([_ABOUT_128_TOKENS])
    times = []
    for _ in range(repeats):
        start = time.process_time()
        classifier.classify([_ABOUT_128_TOKENS])
        times.append(1000 * (time.process_time() - start))
    return round(float(np.median(times)), 1)


def share(flags: Sequence[bool]) -> float:
    """The share of true values; 0 without any."""
    return round(sum(flags) / len(flags), 4) if flags else 0.0


def share_interval(flags: Sequence[bool]) -> Bounds:
    """The share's 95 % interval (Wilson 1927)."""
    n, z = len(flags), 1.96
    if not n:
        return [0.0, 1.0]
    p = sum(flags) / n
    middle, width = p + z**2 / (2 * n), z * float(np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)))
    scale = 1 + z**2 / n
    return [round((middle - width) / scale, 4), round((middle + width) / scale, 4)]


def _any_harm(scored: Sequence[Scored]) -> list[tuple[int, float]]:
    labelled = {category for example, _ in scored for category in example.labels}
    return [
        (int(any(e.labels.values())), max(scores[category] for category in labelled))
        for e, scores in scored
    ]


def _known(category: str, scored: Sequence[Scored]) -> list[tuple[int, float]]:
    """(label, score) of the examples with a known label in `category`."""
    return [
        (example.labels[category], scores[category])
        for example, scores in scored
        if category in example.labels
    ]


Metric = Callable[[Sequence[int], Sequence[float]], float]


def _figure(metric: Metric, pairs: Pairs) -> float | None:
    """`metric` of (label, score) pairs; None where only one label occurs."""
    labels = [label for label, _ in pairs]
    if len(set(labels)) < 2:
        return None
    return round(float(metric(labels, [score for _, score in pairs])), 4)


def _bootstrap(metric: Metric, pairs: Pairs) -> Bounds | None:
    drawn = ([pairs[i] for i in row] for row in resample_indices(len(pairs), _DRAWS, 0))
    values = [value for each in drawn if (value := _figure(metric, each)) is not None]
    return _interval(values) if values else None


def _interval(values: Sequence[float]) -> Bounds:
    return [round(float(value), 4) for value in percentile_interval(values, LEVEL)]
