"""Daily looks at one comparison, few and planned, which tells small leads sooner than a test that
may be looked at at any time.

At look k the test statistic Z is held against a bound that spends a planned part of alpha: with the
O'Brien-Fleming-type spending function of Lan and DeMets (1983, Biometrika 70, 659-663) little early
and most at the end. Z sqrt(information) is a Brownian motion in information, so the bounds follow
by numerical integration over it (Armitage, McPherson and Rowe 1969). Looks may be missed and people
may say more on one day than on another: alpha is spent by the calendar, and the bounds use the
information that each look really had (Lan and DeMets 1989).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np

MOST_LOOKS = 28
_NORMAL = NormalDist()
_GRID = np.linspace(-6, 6, 601)  # of the Brownian motion at information up to 1
_STEP = float(_GRID[1] - _GRID[0])
_FAR = 9.0  # a bound that nothing crosses


def spent(alpha: float, time: float) -> float:
    """The part of a two-sided ``alpha`` spent at a share ``time`` of the trial, 0 to 1."""
    return 4 * _NORMAL.cdf(_NORMAL.inv_cdf(alpha / 4) / math.sqrt(time))


def number_of_looks(days: float) -> int:
    """One a day, at most ``MOST_LOOKS``."""
    return max(1, min(MOST_LOOKS, round(days)))


@lru_cache(maxsize=256)
def bounds(alpha: float, times: tuple[float, ...], information: tuple[float, ...]) -> list[float]:
    """The bounds of |Z|, one per look.

    Args: ``times`` of the looks as shares of the trial, ascending to at most 1, and the
    ``information`` (1 / variance of the difference) at each, ascending.
    """
    found: list[float] = []
    walk = _Walk()
    before = 0.0
    for time, share in zip(times, _shares(information), strict=True):
        walk.advance(share)
        found.append(walk.bound(spent(alpha, time) - before))
        before = spent(alpha, time)
        walk.stop_beyond(found[-1])
    return found


@dataclass(frozen=True)
class Power:
    """What a trial would find if the truth were a given lead."""

    promoted: float  # probability that the lead is found
    rolled_back: float  # that the opposite is found
    days: float  # expected length


def power(lead: float, alpha: float, days: float, information: Sequence[float]) -> Power:
    """The operating characteristics; ``information`` is that at each of the daily looks."""
    count = len(information)
    times = tuple((look + 1) / count for look in range(count))
    limits = bounds(alpha, times, tuple(information))
    drift = lead * math.sqrt(information[-1])
    walk, up, down, length = _Walk(), 0.0, 0.0, 0.0
    for time, share, limit in zip(times, _shares(information), limits, strict=True):
        walk.advance(share, drift)
        above, below = walk.stop_beyond(limit)
        up, down, length = up + above, down + below, length + (above + below) * time * days
    return Power(up, down, length + (1 - up - down) * days)


def _shares(information: Sequence[float]) -> list[float]:
    """Information as shares of the last look's; it never falls."""
    highest = np.maximum.accumulate(np.asarray(information, float))
    rising = highest * (1 + 1e-6 * np.arange(1, len(highest) + 1))
    return list(rising / rising[-1])


class _Walk:
    """The density of a Brownian motion that has not been stopped, on the grid."""

    def __init__(self) -> None:
        self.time, self.density = 0.0, np.zeros(0)

    def advance(self, time: float, drift: float = 0.0) -> None:
        """Let it run on to this time in (0, 1]."""
        passed = time - self.time
        deviation = math.sqrt(passed)
        if self.time == 0:
            self.density = _normal(_GRID, drift * passed, deviation)
        else:
            steps = _normal(_GRID[:, None] - _GRID[None, :], drift * passed, deviation)
            weights = steps / np.maximum(
                steps.sum(0) * _STEP, 1e-12
            )  # coarse where steps are short
            self.density = (weights @ self.density) * _STEP
        self.time = time

    def bound(self, probability: float) -> float:
        """The |Z| that is exceeded with this probability."""
        reached = np.abs(_GRID)
        order = np.argsort(-reached, kind="stable")
        tail = np.cumsum(self.density[order]) * _STEP
        if probability <= max(tail[0], 1e-9):
            return _FAR
        edges = reached[order] - _STEP / 2  # a point stands for the mass around it
        place = float(np.interp(probability, tail, edges))
        return min(_FAR, place / math.sqrt(self.time))

    def stop_beyond(self, bound: float) -> tuple[float, float]:
        """Stop where |Z| exceeds the bound; the probabilities of having done so above and below."""
        limit = bound * math.sqrt(self.time)
        above, below = limit < _GRID, -limit > _GRID
        crossed = (self.density[above].sum() * _STEP, self.density[below].sum() * _STEP)
        self.density = np.where(above | below, 0.0, self.density)
        return float(crossed[0]), float(crossed[1])


def _normal(x: np.ndarray, mean: float, deviation: float) -> np.ndarray:
    return np.exp(-0.5 * ((x - mean) / deviation) ** 2) / (deviation * math.sqrt(2 * math.pi))
