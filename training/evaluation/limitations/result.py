"""A benchmark result: one score per item, 0 to 1, their mean, and the worst items."""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tutelage import jsonl
from tutelage.feedback.preference_data import Dialogue
from tutelage.statistics import Interval, bootstrap

ITEMS = Path(__file__).parent / "items"
EXAMPLES, RESAMPLES, SEED = 3, 1000, 11


@dataclass(frozen=True)
class BenchmarkResult:
    """One policy on one benchmark."""

    benchmark: str
    floor: float  # the score of a policy that behaves the same on every item
    scores: dict[str, float]  # by item
    examples: list[dict[str, str]] = field(default_factory=list)  # the items that went worst
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def value(self) -> Interval:
        """The mean over items with its 95 % interval."""
        return bootstrap(list(self.scores.values()), RESAMPLES, SEED)

    @property
    def fails(self) -> bool:
        """Whether it is not significantly better than the floor."""
        return self.value.low <= self.floor

    def as_json(self) -> dict[str, Any]:
        """Plain JSON, as results and cards keep it."""
        value = self.value
        return {
            "mean": value.mean,
            "low": value.low,
            "high": value.high,
            "items": len(self.scores),
            "floor": self.floor,
            "fails": self.fails,
            "scores": self.scores,
            "examples": self.examples,
            "details": self.details,
        }


def items(name: str) -> list[dict[str, Any]]:
    """The rows of one of our item sets, in their order."""
    return jsonl.read(ITEMS / f"{name}.jsonl")


def some(rows: Sequence[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """A fixed random sample of ``count`` rows; all of them for 0."""
    if not count or count >= len(rows):
        return list(rows)
    chosen = random.Random(SEED).sample(range(len(rows)), count)
    return [rows[i] for i in sorted(chosen)]


def halves(rows: Sequence[dict[str, Any]], key: str, count: int) -> list[dict[str, Any]]:
    """``count`` rows on each side of a yes-or-no column, so that a sub-sample stays balanced."""
    both = [[row for row in rows if bool(row[key]) is side] for side in (True, False)]
    return [row for side in both for row in some(side, count)]


def user(text: str) -> Dialogue:
    """A conversation that has just begun."""
    return [{"role": "user", "content": text}]


def worst(scores: dict[str, float], shown: dict[str, tuple[str, str]]) -> list[dict[str, str]]:
    """The items with the lowest scores, with prompt and response."""
    order = sorted(scores, key=lambda name: (scores[name], name))[:EXAMPLES]
    return [
        {"item": n, "asked": shown[n][0], "answered": shown[n][1], "score": f"{scores[n]:.2f}"}
        for n in order
    ]


def digest() -> str:
    """SHA-256 over all item sets: results are comparable only where it is equal."""
    whole = hashlib.sha256()
    for path in sorted(ITEMS.glob("*.jsonl")):
        whole.update(path.read_bytes())
    return whole.hexdigest()
