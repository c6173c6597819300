"""A mean with its bootstrap interval: how far a difference could be chance."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LOW, HIGH = 2.5, 97.5  # percentiles


@dataclass(frozen=True)
class Interval:
    """A mean and the ends of its 95 % bootstrap interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:+.2f} [{self.low:+.2f}, {self.high:+.2f}]"


def bootstrap(values: Sequence[float], resamples: int, seed: int) -> Interval:
    """The percentile interval of the mean of independent ``values`` (Efron 1979).

    For a paired comparison the values are the pairs' differences.
    """
    sample = np.asarray(values, dtype=np.float64)
    generator = np.random.default_rng(seed)
    drawn = generator.integers(0, len(sample), (resamples, len(sample)))
    low, high = np.percentile(sample[drawn].mean(axis=1), [LOW, HIGH])
    return Interval(float(sample.mean()), float(low), float(high))


def wins(gains: Sequence[float]) -> list[float]:
    """1 where the second of a pair is better, 0 where it is worse, one half for a tie."""
    return [0.5 if gain == 0 else float(gain > 0) for gain in gains]
