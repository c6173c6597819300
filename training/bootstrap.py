"""A mean with its bootstrap interval: how far a difference could be chance."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

LEVEL = 0.95  # share of intervals that hold the truth, where nothing else is said
_HALVES = 200  # half-samples of a statistic that is no mean


@dataclass(frozen=True)
class Interval:
    """A mean and the ends of its bootstrap interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:+.2f} [{self.low:+.2f}, {self.high:+.2f}]"

    def share(self) -> str:
        """As percentages."""
        return f"{self.mean:.0%} [{self.low:.0%}, {self.high:.0%}]"

    def scaled(self, factor: float) -> "Interval":
        """All three numbers times a factor that is not negative."""
        return Interval(self.mean * factor, self.low * factor, self.high * factor)


def bootstrap(values: Sequence[float], resamples: int, seed: int, level: float = LEVEL) -> Interval:
    """The percentile interval of the mean of independent ``values`` (Efron 1979).

    For a paired comparison the values are the pairs' differences.
    """
    sample = np.asarray(values, dtype=np.float64)
    means = sample[drawn(len(sample), resamples, seed)].mean(axis=1)
    return Interval(float(sample.mean()), *ends(means, level))


def ends(values: np.ndarray, level: float) -> tuple[float, float]:
    """The two percentiles that hold ``level`` of the values between them."""
    outside = 50 * (1 - level)
    low, high = np.percentile(values, [outside, 100 - outside])
    return float(low), float(high)


def ratio(
    above: Sequence[float], below: Sequence[float], resamples: int, seed: int, level: float = LEVEL
) -> Interval:
    """The interval of mean(above) / mean(below), paired; 1 where there is nothing below."""
    top, bottom = np.asarray(above, np.float64), np.asarray(below, np.float64)
    rows = drawn(len(top), resamples, seed)
    ratios = _divided(top[rows].mean(axis=1), bottom[rows].mean(axis=1))
    whole = _divided(top.mean(keepdims=True), bottom.mean(keepdims=True))
    return Interval(float(whole[0]), *ends(ratios, level))


def half_samples(
    statistic: Callable[[Sequence[int]], float], count: int, seed: int, level: float = LEVEL
) -> Interval:
    """The interval of a statistic that repeated elements would distort, such as a type count.

    A half drawn without replacement varies about as much as the whole would from draw to draw
    (McCarthy 1969, pseudo-replication); the interval is moved onto the whole sample's value.
    """
    generator = np.random.default_rng(seed)
    half = max(1, count // 2)
    values = [statistic(generator.permutation(count)[:half].tolist()) for _ in range(_HALVES)]
    whole, usual = statistic(range(count)), float(np.mean(values))
    low, high = ends(np.asarray(values), level)
    return Interval(whole, low - usual + whole, high - usual + whole)


def wins(gains: Sequence[float]) -> list[float]:
    """1 where the second of a pair is better, 0 where it is worse, one half for a tie."""
    return [0.5 if gain == 0 else float(gain > 0) for gain in gains]


def drawn(count: int, resamples: int, seed: int) -> np.ndarray:
    """Indexes drawn with replacement: [resamples, count]."""
    return np.random.default_rng(seed).integers(0, count, (resamples, count))


def _divided(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.ones_like(above), where=below != 0)
