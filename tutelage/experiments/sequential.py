"""A comparison of two policies that may be looked at at any time: always-valid intervals.

The mixture sequential probability ratio test of Robbins (1970) in the form of Johari, Pekelis and
Walsh (2022, "Always Valid Inference", Operations Research 70(3), eq. 12): for a difference with
variance V and a normal mixture of variance tau^2, the interval

    difference ± sqrt( V (V + tau^2) / tau^2 * log( (V + tau^2) / (V alpha^2) ) )

holds the truth at all times at once with probability 1 - alpha. V is estimated by person, since
what one person says in a week is no independent evidence (Liang and Zeger 1986, sandwich).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

TAU = 0.15  # the differences that matter: the intervals are tightest for effects about this large
Z = 1.96  # of a normal distribution 95 % lies within so many deviations
MINIMUM = 20  # people in each arm before anything is said: V is too rough below


@dataclass(frozen=True)
class Arm:
    """What one policy's people said: for each person the number of outcomes and their sum."""

    people: Sequence[tuple[int, float]]

    @property
    def count(self) -> int:
        """All outcomes."""
        return sum(count for count, _ in self.people)

    @property
    def mean(self) -> float:
        """Over outcomes; 0 without any."""
        return sum(total for _, total in self.people) / max(1, self.count)

    @property
    def variance(self) -> float:
        """Of the mean, by person; one outcome of each kind is counted in, so it is never 0."""
        mean, count = self.mean, self.count
        smooth = (count * mean + 1) / (count + 2)
        floor = smooth * (1 - smooth) / (count + 2)
        return max(floor, self.variance_by_person)

    @property
    def variance_by_person(self) -> float:
        """Of the mean, from how far the people are apart (sandwich estimate)."""
        mean = self.mean
        residuals = sum((total - n * mean) ** 2 for n, total in self.people)
        people = len(self.people)
        return residuals / self.count**2 * people / max(1, people - 1)


def interval(arm: Arm) -> tuple[float, float]:
    """The 95 % interval of a share; for one look only. [0, 1] without an outcome.

    The score interval of Wilson (1927, JASA 22, 209-212), at the effective number of outcomes: that
    of independent ones with the same variance (Korn and Graubard 1998), at most their number, and
    the number of people where all outcomes are alike.
    """
    if not arm.count:
        return 0.0, 1.0
    share, apart = arm.mean, arm.variance_by_person
    alike = share * (1 - share) == 0
    effective = len(arm.people) if alike else share * (1 - share) / apart if apart else math.inf
    count = min(float(arm.count), effective)
    middle = share + Z**2 / (2 * count)
    half = Z * math.sqrt(share * (1 - share) / count + Z**2 / (4 * count**2))
    return max(0.0, (middle - half) / (1 + Z**2 / count)), min(
        1.0, (middle + half) / (1 + Z**2 / count)
    )


@dataclass(frozen=True)
class AlwaysValid:
    """A difference, challenger minus control, with its always-valid interval."""

    difference: float
    low: float
    high: float
    people: int  # in the smaller arm
    variance: float = 0.0  # of the difference

    @property
    def enough(self) -> bool:
        """Whether it may be acted on."""
        return self.people >= MINIMUM


def compare(control: Arm, challenger: Arm, alpha: float) -> AlwaysValid:
    """The difference of two arms' means; nothing is known, [-1, 1], while an arm is empty."""
    people = min(len(control.people), len(challenger.people))
    if not people:
        return AlwaysValid(0.0, -1.0, 1.0, 0)
    difference = challenger.mean - control.mean
    variance = control.variance + challenger.variance
    half = half_width(variance, alpha)
    return AlwaysValid(difference, difference - half, difference + half, people, variance)


def paired(comparisons: Arm, alpha: float) -> AlwaysValid:
    """Duels (1 the challenger won, 0 it lost, ties half) against one half, as a difference."""
    if not comparisons.people:
        return AlwaysValid(0.0, -0.5, 0.5, 0)
    difference, variance = comparisons.mean - 0.5, comparisons.variance
    half, people = half_width(variance, alpha), len(comparisons.people)
    return AlwaysValid(difference, difference - half, difference + half, people, variance)


def half_width(variance: float, alpha: float) -> float:
    """Half the width of the always-valid interval."""
    whole = variance + TAU**2
    return math.sqrt(variance * whole / TAU**2 * math.log(whole / (variance * alpha**2)))
