"""Measures a classifier and the shipped policy on labelled texts.

    python -m moderation.evaluate --test ROWS.jsonl
    python -m moderation.evaluate --data DIR [--pyrit WHEEL]

ROWS holds {"text", "labels": {category: 0|1}}. With --data, the fold of the public sets that
`moderation.train` never trains on. The last line printed is JSON.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from moderation.actions import Action, ModerationPolicy, judge
from moderation.categories import CATEGORIES
from moderation.classifier import ModerationClassifier
from moderation.examples import TEST_FOLD, Example, read_all, read_rows

_ABOUT_128_TOKENS = "The quick brown fox jumps over the lazy dog near the river bank. " * 9


Scored = tuple[Example, dict[str, float]]


def score(classifier: ModerationClassifier, examples: Sequence[Example]) -> list[Scored]:
    """Each example with what the classifier makes of it."""
    scores = classifier.classify([example.text for example in examples])
    return list(zip(examples, scores, strict=True))


def figures(scored: Sequence[Scored]) -> dict[str, Any]:
    """AUPRC per category over the texts whose label is known, and of any harm over all texts.

    A figure is None where only one label occurs. "any" ranks texts by their highest score.
    """
    auprc = {c: _figure(average_precision_score, _known(c, scored)) for c in CATEGORIES}
    measured = [figure for figure in auprc.values() if figure is not None]
    highest = [(int(any(e.labels.values())), max(scores.values())) for e, scores in scored]
    return {
        "texts": len(scored),
        "auprc": auprc,
        "macro": round(sum(measured) / len(measured), 4) if measured else None,
        "any": _figure(average_precision_score, highest),
        "positives": {c: sum(e.labels.get(c, 0) for e, _ in scored) for c in CATEGORIES},
    }


def figures_of_sets(scored: Sequence[Scored]) -> dict[str, Any]:
    """The figures that single public sets are known for, under the shipped policy for prompts."""
    hatecheck = [row for row in scored if row[0].source == "mod_hatecheck"]
    xstest = [row for row in scored if row[0].source == "eval_xstest"]
    return {
        "openai": figures([row for row in scored if row[0].source == "mod_openai1680"]),
        "hatecheck_auroc": _figure(roc_auc_score, _known("hate", hatecheck)),
        "xstest_safe": acted_on([row for row in xstest if not any(row[0].labels.values())]),
        "xstest_unsafe": acted_on([row for row in xstest if any(row[0].labels.values())]),
        "everyday": acted_on([row for row in scored if row[0].everyday]),
    }


def acted_on(scored: Sequence[Scored]) -> dict[str, float]:
    """The shares of texts that the shipped policy for prompts flags, warns about and blocks."""
    side = ModerationPolicy().prompt
    verdicts = [judge(scores, side) for _, scores in scored]
    return {
        "texts": len(verdicts),
        "flagged": _share([bool(verdict.flagged) for verdict in verdicts]),
        "warned": _share([verdict.action is Action.WARN for verdict in verdicts]),
        "blocked": _share([verdict.action is Action.BLOCK for verdict in verdicts]),
    }


def cpu_milliseconds(classifier: ModerationClassifier, repeats: int = 20) -> float:
    """CPU time of one call with one text of some 128 tokens, the median of `repeats`."""
    classifier.classify([_ABOUT_128_TOKENS])
    times = []
    for _ in range(repeats):
        start = time.process_time()
        classifier.classify([_ABOUT_128_TOKENS])
        times.append(1000 * (time.process_time() - start))
    return round(float(np.median(times)), 1)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m moderation.evaluate", description=(__doc__ or "").partition("\n")[0]
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--test", type=Path, help="JSON Lines of labelled texts")
    what.add_argument("--data", type=Path, help="folder of the public sets")
    parser.add_argument("--pyrit", type=Path, help="the wheel of PyRIT 1.1.0")
    options = parser.parse_args()
    from moderation.embedded import EmbeddedClassifier

    classifier = EmbeddedClassifier.load()
    if options.test:
        result = figures(score(classifier, read_rows(options.test)))
    else:
        examples = [e for e in read_all(options.data, options.pyrit)[0] if e.fold == TEST_FOLD]
        scored = score(classifier, examples)
        result = figures(scored) | figures_of_sets(scored)
    cost = cpu_milliseconds(classifier)
    print(json.dumps(result | {"version": classifier.version, "cpu_ms_128_tokens": cost}))


def _known(category: str, scored: Sequence[Scored]) -> list[tuple[int, float]]:
    """(label, score) of the examples that say whether `category` holds."""
    return [
        (example.labels[category], scores[category])
        for example, scores in scored
        if category in example.labels
    ]


def _figure(
    metric: Callable[[Sequence[int], Sequence[float]], float], pairs: Sequence[tuple[int, float]]
) -> float | None:
    """`metric` of (label, score) pairs; None where only one label occurs."""
    labels = [label for label, _ in pairs]
    if len(set(labels)) < 2:
        return None
    return round(float(metric(labels, [score for _, score in pairs])), 4)


def _share(flags: Sequence[bool]) -> float:
    return round(sum(flags) / len(flags), 4) if flags else 0.0


if __name__ == "__main__":
    main()
