"""Bounds of planned looks are those of the literature, and err as rarely as they say."""

import numpy as np
import pytest

from tutelage.experiments.group_sequential import bounds, number_of_looks, power, spent

FIFTHS = (0.2, 0.4, 0.6, 0.8, 1.0)


def test_the_bounds_are_those_published() -> None:
    """Five equal looks at two-sided .05 (Jennison and Turnbull 2000, table 7.1 by spending)."""
    found = bounds(0.05, FIFTHS, FIFTHS)
    assert found == pytest.approx([4.877, 3.357, 2.680, 2.290, 2.031], abs=0.02)


def test_all_of_alpha_is_spent_at_the_end() -> None:
    assert spent(0.05, 1.0) == pytest.approx(0.05)
    assert spent(0.05, 0.1) < 1e-9


def test_one_look_is_the_plain_test() -> None:
    assert bounds(0.05, (1.0,), (40.0,)) == pytest.approx([1.96], abs=0.02)


def test_information_that_comes_unevenly_errs_as_rarely() -> None:
    generator = np.random.default_rng(1)
    information = np.array([2.0, 3.0, 11.0, 12.0, 30.0])
    limits = bounds(0.05, FIFTHS, tuple(information))
    steps = generator.normal(0, 1, (20_000, 5)) * np.sqrt(np.diff(information, prepend=0))
    statistics = np.abs(steps.cumsum(1)) / np.sqrt(information)
    assert (statistics > limits).any(1).mean() == pytest.approx(0.05, abs=0.006)


def test_power_is_what_a_simulation_finds() -> None:
    generator = np.random.default_rng(2)
    information = np.arange(1, 8) * 300.0
    found = power(0.06, 0.025, 7, information.tolist())
    times = tuple((look + 1) / 7 for look in range(7))
    limits = bounds(0.025, times, tuple(information))
    steps = generator.normal(0.06 * 300, 300**0.5, (20_000, 7)).cumsum(1)
    crossed = steps / np.sqrt(information) > limits
    assert found.promoted == pytest.approx(crossed.any(1).mean(), abs=0.02)
    lengths = np.where(crossed.any(1), crossed.argmax(1) + 1, 7)
    assert found.days == pytest.approx(lengths.mean(), abs=0.1)
    assert found.rolled_back < 1e-4


def test_looks_are_daily_and_not_too_many() -> None:
    assert [number_of_looks(days) for days in (0.5, 14, 365)] == [1, 14, 28]
