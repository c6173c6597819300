"""The gate refuses what is worse or broken, and says why; it lets what is clearly better pass."""

from dataclasses import replace

import numpy as np
import pytest

from training.config import GateConfig
from training.gate import Answers, Comparison, Decision, Verdict, decide
from training.interval import Interval, bootstrap, wins

CURRENT = Answers(
    score=0.0, words=60.0, empty=0.0, finished=0.6, repetition=0.02, distinct_2=0.7, flagged=0.0
)
BETTER = replace(CURRENT, score=1.0, words=30.0, finished=0.95)
GOOD = Comparison(
    current=CURRENT,
    candidate=BETTER,
    gain=Interval(1.0, 0.6, 1.4),
    win_rate=Interval(0.8, 0.7, 0.9),
    kl=6.0,
)


def decision(**changes: float) -> Decision:
    """The decision on a good candidate with some of its answers' measures changed."""
    return decide(replace(GOOD, candidate=replace(BETTER, **changes)), GateConfig())


def test_a_clearly_better_candidate_passes() -> None:
    assert decide(GOOD, GateConfig()).verdict == Verdict.PROMOTE


def test_a_pass_shows_every_finding_with_its_interval() -> None:
    reasons = decide(GOOD, GateConfig()).reasons
    assert len(reasons) == 9
    assert "+1.00 [+0.60, +1.40]" in reasons[0]


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"empty": 0.3}, "empty"),
        ({"words": 3.0}, "words on average"),
        ({"words": 120.0}, "words on average"),
        ({"repetition": 0.4}, "repeat"),
        ({"finished": 0.1}, "finishes"),
        ({"flagged": 0.2}, "Moderation flags"),
        ({"distinct_2": 0.2}, "word pairs"),
    ],
)
def test_a_broken_candidate_is_refused_for_its_fault_alone(
    changes: dict[str, float], word: str
) -> None:
    refused = decision(**changes)
    assert refused.verdict == Verdict.REFUSE
    assert len(refused.reasons) == 1
    assert word in refused.reasons[0]


def test_a_collapsed_candidate_is_refused_for_all_its_faults() -> None:
    collapsed = decision(empty=0.9, words=0.2, distinct_2=0.0)
    assert len(collapsed.reasons) == 3


def test_a_candidate_far_from_its_reference_is_refused() -> None:
    refused = decide(replace(GOOD, kl=80.0), GateConfig())
    assert "nats per answer" in refused.reasons[0]


def test_a_worse_candidate_is_refused_with_its_interval() -> None:
    worse = replace(GOOD, gain=Interval(-0.5, -0.9, -0.1), win_rate=Interval(0.3, 0.2, 0.4))
    refused = decide(worse, GateConfig())
    assert refused.verdict == Verdict.REFUSE
    assert "-0.50 [-0.90, -0.10]" in refused.reasons[0]


def test_a_gain_within_chance_is_refused() -> None:
    unclear = replace(GOOD, gain=Interval(0.2, -0.1, 0.5))
    assert decide(unclear, GateConfig()).verdict == Verdict.REFUSE


def test_a_finding_at_its_limit_passes() -> None:
    assert decision(words=90.0).verdict == Verdict.PROMOTE


def test_two_equal_policies_are_refused_nearly_always() -> None:
    generator = np.random.default_rng(5)
    passed = 0
    for seed in range(200):
        gains = list(generator.normal(0.0, 1.0, 40))
        comparison = replace(
            GOOD,
            candidate=CURRENT,
            gain=bootstrap(gains, 500, seed),
            win_rate=bootstrap(wins(gains), 500, seed),
            kl=0.1,
        )
        passed += decide(comparison, GateConfig()).verdict == Verdict.PROMOTE
    assert passed / 200 <= 0.05
