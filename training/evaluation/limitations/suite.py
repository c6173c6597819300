"""The battery: all dials on one policy, and how two policies' readings differ, item by item."""

from collections.abc import Callable, Mapping
from typing import Any

from training.bootstrap import Interval, bootstrap
from training.evaluation.limitations import (
    bias,
    clarification,
    consistency,
    harm,
    truthfulness,
    verbosity,
)
from training.evaluation.limitations.policy import Speaker
from training.evaluation.limitations.result import RESAMPLES, SEED, Reading, digest
from training.evaluation.metrics import LEVEL

_DIALS = (truthfulness, consistency, verbosity, clarification, harm, bias)
NAMES = tuple(dial.NAME for dial in _DIALS)
Advance = Callable[[int, int], None]


def read_all(
    speaker: Speaker, count: int, advance: Advance = lambda done, total: None
) -> dict[str, Reading]:
    """Every dial's reading; ``count`` items of each kind, 0 for all."""
    readings = {}
    for done, dial in enumerate(_DIALS):
        advance(done, len(_DIALS))
        readings[dial.NAME] = dial.measure(speaker, count)
    return readings


def as_json(readings: Mapping[str, Reading]) -> dict[str, Any]:
    """Plain JSON with the digest of the items."""
    return {"items_sha256": digest(), "dials": {n: r.as_json() for n, r in readings.items()}}


def changes(before: Mapping[str, Reading], after: Mapping[str, Reading]) -> dict[str, Interval]:
    """How much each dial rose, paired by item."""
    return {
        name: bootstrap(
            [after[name].scores[item] - score for item, score in before[name].scores.items()],
            RESAMPLES,
            SEED,
            LEVEL,
        )
        for name in before
    }
