"""Intervals cover what they should; calibration compares confidence with outcomes."""

import numpy as np
import pytest

from tutelage.statistics import (
    bootstrap,
    calibration_bins,
    expected_calibration_error,
    win_indicator,
)


def test_the_interval_holds_the_mean() -> None:
    interval = bootstrap([1.0, 2.0, 3.0, 4.0], 500, seed=1)
    assert interval.mean == 2.5
    assert 1.0 <= interval.low < 2.5 < interval.high <= 4.0


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    generator = np.random.default_rng(3)
    covered = 0
    for seed in range(200):
        interval = bootstrap(list(generator.normal(0.7, 1.0, 40)), 400, seed)
        covered += interval.low <= 0.7 <= interval.high
    assert 0.88 <= covered / 200 <= 0.99


def test_the_same_seed_gives_the_same_interval() -> None:
    assert bootstrap([1.0, 5.0, 2.0], 100, seed=4) == bootstrap([1.0, 5.0, 2.0], 100, seed=4)


def test_a_tie_is_half_a_win() -> None:
    assert win_indicator([0.3, 0.0, -0.2]) == [1.0, 0.5, 0.0]


def test_it_reads_as_a_mean_with_its_ends() -> None:
    assert str(bootstrap([1.0, 1.0], 10, seed=0)) == "+1.00 [+1.00, +1.00]"


@pytest.mark.parametrize(("outcomes", "error"), [([True] * 9 + [False], 0.0), ([False] * 10, 0.9)])
def test_confidence_without_accuracy_is_a_calibration_error(
    outcomes: list[bool], error: float
) -> None:
    bins = calibration_bins([0.9] * 10, outcomes, 5)
    assert expected_calibration_error(bins) == pytest.approx(error)


def test_predictions_are_binned_by_confidence() -> None:
    bins = calibration_bins([0.55, 0.95, 1.0], [0, 1, 1], 10, lowest=0.5)
    assert [(round(b.confidence, 3), b.accuracy, b.count) for b in bins] == [
        (0.55, 0.0, 1), (0.975, 1.0, 2),
    ]  # fmt: skip
    assert expected_calibration_error([]) is None
