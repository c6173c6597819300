"""Intervals cover what they should; calibration compares confidence with outcomes."""

import numpy as np
import pytest

from tutelage.statistics import (
    ClusterBootstrap,
    bootstrap,
    bootstrap_ratio,
    calibration_bins,
    clustered_share,
    comparisons_needed,
    expected_calibration_error,
    share_difference,
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


def test_clusters_of_one_are_the_plain_bootstrap() -> None:
    values = [1.0, 5.0, 2.0, 7.0]
    found = ClusterBootstrap.of(range(4), 300, seed=4).mean(values)
    assert (found.low, found.high) == pytest.approx(
        ((plain := bootstrap(values, 300, seed=4)).low, plain.high)
    )


def test_repeating_a_value_within_its_cluster_adds_no_certainty() -> None:
    values = np.random.default_rng(5).normal(0, 1, 30)
    once = ClusterBootstrap.of(range(30), 500, seed=1).mean(values)
    often = ClusterBootstrap.of([i // 4 for i in range(120)], 500, seed=1).mean(values.repeat(4))
    assert (often.low, often.high) == pytest.approx((once.low, once.high))


def test_a_difference_of_shares_has_newcombes_interval() -> None:
    """Newcombe 1998, table II: 56/70 and 48/80 differ by .2 [.0524, .3339] (method 10)."""
    found = share_difference((48, 80), (56, 70), 0.975)
    assert (found.mean, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)
    assert share_difference((0, 80), (0, 80), 0.95).high > 0.03  # none of few is not none of many


def test_a_smaller_lead_takes_more_comparisons() -> None:
    assert (comparisons_needed(0.6), comparisons_needed(0.4)) == (194, 194)
    assert comparisons_needed(0.55) == 783
    assert comparisons_needed(0.5) is None


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


def test_the_interval_of_a_share_over_clusters_is_that_of_the_bootstrap() -> None:
    draw = np.random.default_rng(0)
    of = draw.integers(1, 6, 200)
    counted = draw.binomial(of, draw.beta(4, 2, 200))
    found = clustered_share(counted, of)
    drawn = bootstrap_ratio(counted, of, 4000, 0)
    assert (found.mean, found.low, found.high) == pytest.approx(
        (drawn.mean, drawn.low, drawn.high), abs=0.01
    )
    alone = clustered_share([2], [2])  # two values of one cluster are as good as one
    assert (alone.mean, alone.high) == (1, 1) and alone.low < 0.25
