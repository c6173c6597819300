"""The bootstrap interval covers what it should and is the same for the same seed."""

import numpy as np

from training.bootstrap import bootstrap, wins


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
    assert wins([0.3, 0.0, -0.2]) == [1.0, 0.5, 0.0]


def test_it_reads_as_a_mean_with_its_ends() -> None:
    assert str(bootstrap([1.0, 1.0], 10, seed=0)) == "+1.00 [+1.00, +1.00]"
