"""The always-valid test: it may be looked at after every outcome and still errs rarely."""

import random

import pytest

from tutelage.experiments.sequential import (
    MINIMUM,
    Arm,
    compare,
    half_width,
    interval,
    paired,
)


def arms(rate: float, other: float, people: int, seed: int) -> tuple[Arm, Arm]:
    """Thumbs of people, some of whom like everything and some nothing."""
    noise = random.Random(seed)

    def one(rate: float) -> Arm:
        rows = []
        for _ in range(people):
            mood = min(1.0, max(0.0, rate + noise.choice((-0.3, 0.3))))
            count = noise.randint(1, 5)
            rows.append((count, float(sum(noise.random() < mood for _ in range(count)))))
        return Arm(rows)

    return one(rate), one(other)


def test_nothing_is_known_without_outcomes() -> None:
    found = compare(Arm([]), Arm([(1, 1.0)]), 0.05)
    assert (found.low, found.high, found.enough) == (-1.0, 1.0, False)


def test_more_outcomes_make_the_interval_narrower() -> None:
    small, large = (compare(*arms(0.5, 0.5, n, 1), 0.05) for n in (40, 4000))
    assert large.high - large.low < (small.high - small.low) / 3


def test_a_clear_difference_is_found() -> None:
    found = compare(*arms(0.4, 0.65, 400, 2), 0.05)
    assert found.enough and found.low > 0


def test_people_who_say_much_are_no_more_people() -> None:
    lone = Arm([(400, 400.0), *[(1, 0.0)] * 30])
    spread = Arm([(1, 1.0)] * 400 + [(1, 0.0)] * 30)
    assert lone.variance > 20 * spread.variance


def test_unanimity_leaves_doubt() -> None:
    assert Arm([(1, 1.0)] * 10).variance > 0


def test_duels_are_held_against_one_half() -> None:
    found = paired(Arm([(1, 1.0)] * 60 + [(1, 0.0)] * 20), 0.05)
    assert found.difference == pytest.approx(0.25)
    assert found.low > 0


def test_a_smaller_alpha_is_more_careful() -> None:
    assert half_width(0.001, 0.01) > half_width(0.001, 0.05)


def test_peeking_all_the_time_errs_in_few_trials() -> None:
    wrong = 0
    for seed in range(60):
        one, other = arms(0.5, 0.5, 150, 100 + seed)
        wrong += any(
            compare(Arm(one.people[:n]), Arm(other.people[:n]), 0.05).low > 0
            or compare(Arm(one.people[:n]), Arm(other.people[:n]), 0.05).high < 0
            for n in range(MINIMUM, 150, 2)
        )
    assert wrong / 60 <= 0.05


def test_two_of_two_say_little() -> None:
    """Wilson's interval for 2 of 2 is [0.34, 1] (Brown, Cai and DasGupta 2001, table)."""
    low, high = interval(Arm([(1, 1.0), (1, 1.0)]))
    assert low == pytest.approx(0.342, abs=0.001) and high == pytest.approx(1.0)


def test_independent_outcomes_have_wilsons_interval() -> None:
    arm = Arm([(1, 1.0)] * 7 + [(1, 0.0)] * 3)
    assert interval(arm) == pytest.approx((0.397, 0.892), abs=0.02)


def test_ten_outcomes_of_one_person_count_as_one() -> None:
    one = interval(Arm([(10, 10.0)]))
    assert one == pytest.approx(interval(Arm([(1, 1.0)])))
    assert interval(Arm([])) == (0.0, 1.0)
