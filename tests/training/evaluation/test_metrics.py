"""Intervals that know what they are of, and win rates that length cannot buy."""

import numpy as np
import pytest

from training.evaluation.length_control import win_rate_at_equal_length
from training.evaluation.refusals import refuses
from tutelage.statistics import ClusterBootstrap, bootstrap, bootstrap_ratio, half_samples


def resampling(prompts: int) -> ClusterBootstrap:
    return ClusterBootstrap.of(range(prompts), 200, 0)


def test_a_ratio_has_an_interval_around_it() -> None:
    found = bootstrap_ratio([2.0, 4.0, 6.0, 8.0], [1.0, 2.0, 3.0, 4.0], 200, 0)
    assert (found.mean, found.low, found.high) == (2.0, 2.0, 2.0)


def test_a_ratio_of_nothings_is_one() -> None:
    assert bootstrap_ratio([0.0, 0.0], [0.0, 0.0], 50, 0).mean == 1.0


def test_half_samples_are_as_wide_as_the_bootstrap() -> None:
    values = np.random.default_rng(1).normal(0, 1, 200)
    halves = half_samples(lambda rows: float(values[list(rows)].mean()), 200, 0)
    whole = bootstrap(list(values), 1000, 0)
    assert halves.mean == pytest.approx(whole.mean)
    assert halves.high - halves.low == pytest.approx(whole.high - whole.low, rel=0.25)


def test_shorter_winners_win_at_equal_length_too() -> None:
    gains = [1.0] * 30 + [-1.0] * 10
    assert win_rate_at_equal_length(gains, [-20.0] * 40, resampling(40)).mean == pytest.approx(0.75)


def test_wins_that_only_come_with_more_words_do_not_count() -> None:
    rng = np.random.default_rng(3)
    more = rng.choice([0.0, 80.0], 200)
    gains = np.where(more > 0, 1.0, rng.choice([-1.0, 1.0], 200))
    found = win_rate_at_equal_length(list(gains), list(more), resampling(200))
    assert np.mean(gains > 0) > 0.7
    assert found.low < 0.5 < found.high


@pytest.mark.parametrize(
    ("text", "declines"),
    [
        ("I'm sorry, but I can't help with that.", True),
        ("I cannot provide instructions for this.", True),
        ("As an AI language model, I am not able to do that.", True),
        ("Sure, here are three ideas.", False),
        ("Boil the egg for six minutes, then cool it.", False),
        ("", False),
    ],
)
def test_refusals_are_known_by_how_they_open(text: str, declines: bool) -> None:
    assert refuses(text) is declines
