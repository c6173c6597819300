from dataclasses import replace

import pytest
import torch

from training.reward.validation import ValidationResult, calibration_of, rejection_reason
from tutelage.statistics import CalibrationBin, Interval, expected_calibration_error

UNDECIDED = ValidationResult(
    accuracy=None, length_matched_accuracy=None, longer_wins=None, comparisons=0,
    chosen=[], rejected=[], by_ranking=None, reliability=[], ece=None,
)  # fmt: skip


def test_a_model_that_is_right_as_often_as_it_says_is_calibrated() -> None:
    log_odds = torch.logit(torch.tensor(0.8))
    bins = calibration_of(torch.tensor([1.0] * 8 + [-1.0] * 2) * log_odds)
    assert expected_calibration_error(bins) == pytest.approx(0, abs=1e-6)
    assert bins == [CalibrationBin(pytest.approx(0.8), pytest.approx(0.8), 10)]


def test_overconfidence_is_an_error() -> None:
    bins = calibration_of(torch.tensor([9.0, -9.0]))
    assert expected_calibration_error(bins) == pytest.approx(0.5, abs=1e-3)
    assert expected_calibration_error(calibration_of(torch.zeros(0))) is None


@pytest.mark.parametrize(
    ("low", "least", "accepted"),
    [(0.6, 0.5, True), (0.45, 0.5, False), (None, 0.5, False), (None, -1.0, True)],
)
def test_only_a_model_that_orders_unseen_comparisons_beyond_chance_is_optimised_against(
    low: float | None, least: float, accepted: bool
) -> None:
    found = None if low is None else Interval(0.65, low, 0.8)
    reason = rejection_reason(replace(UNDECIDED, by_ranking=found), least)
    assert (reason is None) == accepted
    assert accepted or "on unseen rankings" in str(reason)
