"""Bootstrap intervals and calibration: how far a figure could be chance, or a confidence wrong."""

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

LEVEL = 0.95  # coverage of an interval, unless a caller asks for another
_HALVES = 200  # half-samples of a statistic that is not a mean

Values = Sequence[float] | np.ndarray


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


def bootstrap(values: Values, resamples: int, seed: int, level: float = LEVEL) -> Interval:
    """The percentile interval of the mean of independent ``values`` (Efron 1979).

    For a paired comparison the values are the pairs' differences.
    """
    sample = np.asarray(values, dtype=np.float64)
    means = sample[resample_indices(len(sample), resamples, seed)].mean(axis=1)
    return Interval(float(sample.mean()), *percentile_interval(means, level))


@dataclass(frozen=True)
class ClusterBootstrap:
    """A bootstrap that draws whole clusters: values of one cluster are not independent.

    Davison and Hinkley 1997, section 3.8. Every statistic sees the same resamples.
    """

    counts: np.ndarray  # [resamples, n] how often each value is in a resample
    level: float = LEVEL

    @classmethod
    def of(
        cls, clusters: Sequence[Hashable], resamples: int, seed: int, level: float = LEVEL
    ) -> "ClusterBootstrap":
        """Resamples of the clusters; ``clusters`` names that of each value."""
        place = {name: i for i, name in enumerate(dict.fromkeys(clusters))}
        drawn = resample_indices(len(place), resamples, seed)
        times = np.apply_along_axis(np.bincount, 1, drawn, minlength=len(place))
        return cls(times[:, [place[name] for name in clusters]].astype(np.float64), level)

    def mean(self, values: Values, draws: Values | None = None) -> Interval:
        """The interval of the mean of ``values`` [n].

        ``draws`` [d, n] are the values as they might also be, where they are estimates themselves:
        each resample takes the next of them, so the interval covers both kinds of error.
        """
        sample = np.asarray(values, np.float64)
        drawn = sample[None] if draws is None else np.asarray(draws, np.float64)
        means = (self.counts * self.rows(drawn)).sum(1) / self.counts.sum(1)
        return Interval(float(sample.mean()), *percentile_interval(means, self.level))

    def ratio(self, above: Values, below: Values) -> Interval:
        """The interval of mean(above) / mean(below), paired; 1 where the denominator is 0."""
        top, bottom = np.asarray(above, np.float64), np.asarray(below, np.float64)
        ratios = _divided(self.counts @ top, self.counts @ bottom)
        whole = _divided(top.mean(keepdims=True), bottom.mean(keepdims=True))
        return Interval(float(whole[0]), *percentile_interval(ratios, self.level))

    def rows(self, draws: np.ndarray) -> np.ndarray:
        """The values that each resample takes, of ``draws`` [d, n]: [resamples, n]."""
        return draws[np.arange(len(self.counts)) % len(draws)]


def percentile_interval(values: Values, level: float) -> tuple[float, float]:
    """The two percentiles that hold ``level`` of the values between them."""
    outside = 50 * (1 - level)
    low, high = np.percentile(values, [outside, 100 - outside])
    return float(low), float(high)


def bootstrap_ratio(
    above: Values, below: Values, resamples: int, seed: int, level: float = LEVEL
) -> Interval:
    """The interval of mean(above) / mean(below), paired; 1 where the denominator is 0."""
    return ClusterBootstrap.of(range(len(above)), resamples, seed, level).ratio(above, below)


def clustered_share(counted: Values, of: Values, level: float = LEVEL) -> Interval:
    """The share sum(counted) / sum(of) over clusters, of which there may be many; one value each.

    Wilson's interval at the effective sample size (Kish 1965): as many independent values as would
    vary as much as the share does among clusters (linearised, Cochran 1977, section 6.4).
    """
    above, below = np.asarray(counted, np.float64), np.asarray(of, np.float64)
    share, clusters = float(above.sum() / below.sum()), len(above)
    residuals = above - share * below
    variance = float(residuals @ residuals) / below.sum() ** 2 * clusters / max(1, clusters - 1)
    size = share * (1 - share) / variance if variance else clusters
    z = NormalDist().inv_cdf((1 + level) / 2)
    return Interval(*_score_interval(share * size, size, z))


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
    low, high = percentile_interval(values, level)
    return Interval(whole, low - usual + whole, high - usual + whole)


def share_difference(
    before: tuple[int, int], after: tuple[int, int], confidence: float
) -> Interval:
    """Share after minus share before; both ends hold with this one-sided ``confidence`` each.

    Each argument is (how many, of how many). Newcombe 1998, Statistics in Medicine 17, 873-890,
    method 10: from the two shares' score intervals, so it has a width where nothing was counted.
    """
    z = NormalDist().inv_cdf(confidence)
    (p, low, high), (q, least, most) = (_score_interval(*side, z) for side in (before, after))
    down, up = math.hypot(q - least, high - p), math.hypot(most - q, p - low)
    return Interval(q - p, q - p - down, q - p + up)


def _score_interval(count: float, of: float, z: float) -> tuple[float, float, float]:
    """A share with its interval of Wilson (1927)."""
    if not of:
        return 0.0, 0.0, 1.0
    share = count / of
    middle = share + z**2 / (2 * of)
    half = z * math.sqrt(share * (1 - share) / of + z**2 / (4 * of**2))
    scale = 1 + z**2 / of
    return share, max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


def comparisons_needed(win_rate: float, alpha: float = 0.05, power: float = 0.8) -> int | None:
    """Independent pairwise comparisons that tell this win rate from one half; None where it is.

    Normal approximation, two-sided (Fleiss, Levin and Paik 2003, section 2.5).
    """
    lead = abs(win_rate - 0.5)
    if not lead:
        return None
    normal = NormalDist()
    spread = 0.5 * normal.inv_cdf(1 - alpha / 2)
    spread += math.sqrt(win_rate * (1 - win_rate)) * normal.inv_cdf(power)
    return math.ceil((spread / lead) ** 2)


def win_indicator(gains: Sequence[float]) -> list[float]:
    """1 where the second of a pair is better, 0 where it is worse, one half for a tie."""
    return [0.5 if gain == 0 else float(gain > 0) for gain in gains]


def resample_indices(count: int, resamples: int, seed: int) -> np.ndarray:
    """Indices drawn with replacement: [resamples, count]."""
    return np.random.default_rng(seed).integers(0, count, (resamples, count))


@dataclass(frozen=True)
class CalibrationBin:
    """Predictions of about the same confidence."""

    confidence: float  # mean
    accuracy: float  # mean outcome
    count: int


def calibration_bins(
    confidences: Sequence[float], outcomes: Sequence[float], bins: int, lowest: float = 0.0
) -> list[CalibrationBin]:
    """The bins that are not empty, of ``bins`` equal ones between ``lowest`` and 1.

    Args: confidences in [lowest, 1] and outcomes in [0, 1], one each per prediction.
    """
    confidence, outcome = np.asarray(confidences, float), np.asarray(outcomes, float)
    place = np.minimum((confidence - lowest) / (1 - lowest) * bins, bins - 1).astype(int)
    return [
        CalibrationBin(
            confidence=float(confidence[place == each].mean()),
            accuracy=float(outcome[place == each].mean()),
            count=int((place == each).sum()),
        )
        for each in np.unique(place)
    ]


def expected_calibration_error(bins: Sequence[CalibrationBin]) -> float | None:
    """Mean gap between confidence and accuracy; None where nothing was predicted.

    Guo et al. 2017 (arXiv 1706.04599), eq. 3.
    """
    if not bins:
        return None
    gaps = [bin.count * abs(bin.confidence - bin.accuracy) for bin in bins]
    return float(sum(gaps) / sum(bin.count for bin in bins))


def _divided(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    quotient = np.ones_like(above)
    np.divide(above, below, out=quotient, where=below != 0)
    return quotient
