"""The effect of a threshold: on the labelled set, on recent messages and on decided appeals.

`heads/effects.json` holds, per category, a histogram of the cross-validated scores of the labelled
texts, so that curves can be drawn without the texts.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

from moderation.categories import CATEGORIES

STEPS = 100  # thresholds are 0, 1/STEPS … 1
EFFECTS = Path(__file__).parent / "heads" / "effects.json"
CARD = EFFECTS.with_name("CARD.md")
FIGURES = EFFECTS.with_name("figures.json")
_DECISION_WEIGHT = 5  # a decision on this service's traffic counts as so many labelled texts
_LEAST_DECISIONS = 5

Scores = Mapping[str, float]
Decision = tuple[Scores, Mapping[str, int]]  # the scores, and which categories apply


class Effect(NamedTuple):
    """One category. Lists have an entry per threshold, or are empty without measurements."""

    category: str
    positives: int
    recall: list[float]
    precision: list[float]
    false_alarms: list[float]
    recent: list[int]
    recent_messages: int
    decisions: list[tuple[float, int]]
    suggested: float | None


def effects(version: str, recent: Sequence[Scores], decisions: Sequence[Decision]) -> list[Effect]:
    """Every category's effect. The measured part belongs to the shipped heads; it is given for them
    and for heads retrained from them (their version begins with the shipped one)."""
    measured = _measured()
    known = measured["categories"] if measured["version"] == version.partition(".")[0] else {}
    return [_effect(category, known.get(category), recent, decisions) for category in CATEGORIES]


def histogram(scores: Sequence[float]) -> list[int]:
    """How many scores fall into each step [i/STEPS, (i+1)/STEPS); 1.0 into the last of STEPS+1."""
    counts = [0] * (STEPS + 1)
    for score in scores:
        counts[int(score * STEPS + 1e-6)] += 1
    return counts


def at_or_above(counts: Sequence[int]) -> list[int]:
    """How many of a histogram's scores reach each threshold."""
    return list(accumulate(reversed(counts)))[::-1]


def _effect(
    category: str,
    known: Mapping[str, list[int]] | None,
    recent: Sequence[Scores],
    decisions: Sequence[Decision],
) -> Effect:
    pairs = [
        (scores[category], labels[category])
        for scores, labels in decisions
        if category in labels and category in scores
    ]
    empty: dict[str, list[int]] = {"positives": [], "negatives": [], "everyday": []}
    caught, wrong, alarms = (at_or_above(counts) for counts in {**empty, **(known or {})}.values())
    return Effect(
        category,
        positives=caught[0] if caught else 0,
        recall=[_share(hits, caught[0]) for hits in caught],
        precision=[_share(hit, hit + miss, 1.0) for hit, miss in zip(caught, wrong, strict=True)],
        false_alarms=[_share(count, alarms[0]) for count in alarms],
        recent=at_or_above(histogram([scores[category] for scores in recent])),
        recent_messages=len(recent),
        decisions=pairs,
        suggested=_suggested(caught, wrong, pairs),
    )


def _suggested(
    caught: Sequence[int], wrong: Sequence[int], pairs: Sequence[tuple[float, int]]
) -> float | None:
    """The threshold with the best F0.5 on labelled set and decisions; None with too few decisions.

    F0.5 (van Rijsbergen 1979) counts a false alarm twice as heavily as a miss.
    """
    if len(pairs) < _LEAST_DECISIONS:
        return None
    right = at_or_above(histogram([score for score, holds in pairs if holds]))
    false = at_or_above(histogram([score for score, holds in pairs if not holds]))
    none = [0] * (STEPS + 1)
    hits = [a + _DECISION_WEIGHT * b for a, b in zip(caught or none, right, strict=True)]
    alarms = [a + _DECISION_WEIGHT * b for a, b in zip(wrong or none, false, strict=True)]
    return max(range(1, STEPS + 1), key=lambda at: _f_half(hits[at], alarms[at], hits[0])) / STEPS


def _f_half(hits: int, alarms: int, positives: int) -> float:
    return 1.25 * hits / (hits + alarms + 0.25 * positives) if hits else 0.0


def _share(part: int, whole: int, otherwise: float = 0.0) -> float:
    return round(part / whole, 4) if whole else otherwise


@cache
def _measured() -> dict[str, Any]:
    measured: dict[str, Any] = json.loads(EFFECTS.read_text("utf-8"))
    return measured
