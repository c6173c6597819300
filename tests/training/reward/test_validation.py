import pytest
import torch

from training.reward.validation import calibration, rejection_reason


def test_a_model_that_is_right_as_often_as_it_says_is_calibrated() -> None:
    log_odds = torch.logit(torch.tensor(0.8))
    margins = torch.tensor([1.0] * 8 + [-1.0] * 2) * log_odds
    found = calibration(margins)
    assert found["ece"] == pytest.approx(0, abs=1e-6)
    assert found["reliability"] == [
        {"confidence": pytest.approx(0.8), "accuracy": pytest.approx(0.8), "count": 10}
    ]


def test_boasting_is_an_error() -> None:
    assert calibration(torch.tensor([9.0, -9.0]))["ece"] == pytest.approx(0.5, abs=1e-3)
    assert calibration(torch.zeros(0))["ece"] is None


@pytest.mark.parametrize(
    ("low", "least", "climbed"),
    [(0.6, 0.5, True), (0.45, 0.5, False), (None, 0.5, False), (None, -1.0, True)],
)
def test_only_what_orders_unseen_comparisons_beyond_chance_is_climbed(
    low: float | None, least: float, climbed: bool
) -> None:
    found = None if low is None else {"mean": 0.65, "low": low, "high": 0.8}
    doubt = rejection_reason({"by_ranking": found}, least)
    assert (doubt is None) == climbed
    assert climbed or "of the pairs in unseen rankings" in str(doubt)
