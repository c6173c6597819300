"""The arithmetic of a proof: gains over controls, with Student's interval over seeds."""

from dataclasses import replace
from pathlib import Path

import pytest
from scipy import stats

from training.demo.controls import ProofArm
from training.demo.preferences import PREFERENCES
from training.demo.proof import TASTES, ArmResult, effects, prove
from training.demo.proof_page import rows
from tutelage.errors import Invalid
from tutelage.settings import Settings

GAINS = {
    ProofArm.TAUGHT: [0.9, 0.7, 0.8],
    ProofArm.ZERO: [0.4, 0.2, 0.3],
    ProofArm.SHUFFLED: [0.0, 0.1, -0.1],
    ProofArm.NEGATED: [-0.5, -0.3, -0.4],
}


def results(seeds: int = 3) -> list[ArmResult]:
    return [
        ArmResult("plain", seed, arm, {"plain": gains[seed]}, 20.0, 0.5, 4, "promote", 80, 1.0)
        for seed in range(seeds)
        for arm, gains in GAINS.items()
    ]


def test_a_gain_is_a_gain_over_the_best_control() -> None:
    (effect,) = effects(results())
    assert effect.best_control == ProofArm.ZERO
    assert effect.net is not None
    assert effect.net.mean == pytest.approx(0.5)
    # of the differences .5, .5, .5
    assert effect.net.low == pytest.approx(0.5)


def test_the_interval_is_students() -> None:
    uneven = [
        replace(r, gains={"plain": r.gain + 0.3 * (r.arm == ProofArm.ZERO) * r.seed})
        for r in results()
    ]
    (effect,) = effects(uneven)
    assert effect.net is not None
    low, high = stats.t.interval(0.95, 2, loc=0.2, scale=stats.sem([0.5, 0.2, -0.1]))
    assert (effect.net.low, effect.net.high) == pytest.approx((low, high))


def test_one_seed_has_no_interval() -> None:
    (effect,) = effects(results(seeds=1))
    assert effect.net is None
    assert rows([effect]) == [("plain", "+0.90", "+0.40", "+0.00", "-0.50", "+0.50", "zero reward")]


def test_the_tastes_are_six_that_are_shipped() -> None:
    assert len(TASTES) == 6
    assert set(TASTES) <= set(PREFERENCES)


def test_an_unknown_taste_is_named(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="'loud'"):
        prove(["loud"], [1], Settings(data=tmp_path))
