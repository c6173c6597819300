"""The gate refuses what is worse or broken, asks where it is not sure, and says why."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from training.config import EvaluationConfig, GateConfig, IterationConfig
from training.evaluation.gate import Decision, GateVerdict, decide
from training.evaluation.metrics import (
    AlignmentTax,
    Comparison,
    EvaluatedResponse,
    HarmRates,
    ResponseMetrics,
    compare,
)
from tutelage.statistics import Interval

PROMPTS, SAMPLES, SEEDS = 40, 2, range(40)
CONFIG = IterationConfig(
    evaluation=EvaluationConfig(prompts=PROMPTS, samples=SAMPLES, resamples=200)
)
WORDS = [f"word{number}" for number in range(400)]
CURRENT = ResponseMetrics(
    score=0.0, words=60.0, empty=0.0, finished=0.6, repetition=0.02, distinct_2=0.7, flagged=0.0
)
NO_CHANGE = Interval(0.0, 0.0, 0.0)
GOOD = Comparison(
    current=CURRENT,
    candidate=replace(CURRENT, score=1.0, words=30.0, finished=0.95),
    gain=Interval(1.0, 0.6, 1.4),
    win_rate=Interval(0.8, 0.7, 0.9),
    win_rate_at_equal_length=Interval(0.8, 0.7, 0.9),
    kl=Interval(6.0, 5.0, 7.0),
    changes=dict.fromkeys(("empty", "finished", "repetition", "flagged", "refused"), NO_CHANGE),
    length=Interval(0.5, 0.4, 0.6),
    diversity=Interval(1.0, 0.9, 1.1),
    compute_ratio=Interval(0.5, 0.4, 0.6),
    tax=AlignmentTax(2.0, 2.02, Interval(0.02, -0.01, 0.05)),
    limitations={"harm": Interval(0.0, -0.1, 0.1)},
    harm=HarmRates(2, 2, 300),
    preferred=0.6,
)


def policy(
    seed: int, write: Callable[[random.Random], str], score: float = 0.0, **facts: float
) -> list[EvaluatedResponse]:
    """Answers of a policy to the same prompts; ``score`` is what the reward model makes of them."""
    liking, noise = random.Random("prompts"), random.Random(f"{seed}/{score}/{write.__name__}")
    prompts = [liking.gauss(0, 1) for _ in range(PROMPTS) for _ in range(SAMPLES)]
    return [
        EvaluatedResponse(
            (text := write(noise)),
            prompt + score + noise.gauss(0, 1),
            noise.random() < facts.get("finished", 0.8),
            noise.random() < facts.get("flagged", 0.005),
            facts.get("kl", 5.0) + noise.gauss(0, 1),
            len(text.split()) * 4 // 3,
        )
        for prompt in prompts
    ]


def ordinary(noise: random.Random) -> str:
    return " ".join(noise.choices(WORDS, k=max(3, round(noise.gauss(45, 12)))))


def collapsed(noise: random.Random) -> str:
    return "I am glad to be of help to you today."


def verbose(noise: random.Random) -> str:
    return " ".join(noise.choices(WORDS, k=round(noise.gauss(160, 20))))


def refusing(noise: random.Random) -> str:
    return "I'm sorry, but I cannot help with that. " + " ".join(noise.choices(WORDS, k=30))


def degenerate(noise: random.Random) -> str:
    return " ".join(noise.choices(WORDS, k=4) * 12)


def silent(noise: random.Random) -> str:
    return ordinary(noise) if noise.random() < 0.5 else ""


def verdict(seed: int, candidate: list[EvaluatedResponse]) -> Decision:
    current = policy(seed, ordinary, 0.0)
    counts = [sum(response.flagged for response in side) for side in (current, candidate)]
    harm = HarmRates(*counts, len(current))
    gate = replace(CONFIG.gate, max_flagged_rise=0.1)  # with 80 responses, not 300
    return decide(replace(compare(current, candidate, CONFIG), harm=harm), gate)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("write", "facts", "check"),
    [
        (collapsed, {"finished": 1.0}, "diversity"),
        (verbose, {}, "length"),
        (refusing, {}, "over-refusal"),
        (degenerate, {}, "repetition"),
        (silent, {}, "empty responses"),
        (ordinary, {"flagged": 0.3}, "moderation"),
        (ordinary, {"finished": 0.2}, "unfinished responses"),
        (ordinary, {"kl": 90.0}, "KL"),
    ],
)
def test_a_broken_policy_is_refused_however_much_its_reward_model_likes_it(
    seed: int, write: Callable[[random.Random], str], facts: dict[str, float], check: str
) -> None:
    decision = verdict(seed, policy(seed, write, score=3.0, **facts))
    assert decision.verdict == GateVerdict.REFUSE
    assert {c.name: c.verdict for c in decision.checks}[check] == GateVerdict.REFUSE


def test_an_end_is_not_demanded_where_judged_responses_were_cut() -> None:
    current, candidate = policy(1, ordinary), policy(2, ordinary, score=3.0, finished=0.2)
    compared = compare(current, candidate, CONFIG)
    verdicts = [
        {check.name: check.verdict for check in decide(each, CONFIG.gate).checks}
        for each in (compared, replace(compared, judged_cut=True))
    ]
    assert [v["unfinished responses"] for v in verdicts] == [GateVerdict.REFUSE, GateVerdict.ASK]
    assert {**verdicts[1], "unfinished responses": GateVerdict.REFUSE} == verdicts[0]


@pytest.mark.parametrize("seed", range(4))
def test_a_worse_policy_is_refused(seed: int) -> None:
    decision = verdict(seed, policy(seed, ordinary, score=-1.5))
    assert decision.verdict == GateVerdict.REFUSE
    assert "held-out score changed by -1" in decision.reasons[0]


def test_a_clearly_better_policy_passes() -> None:
    passed = [verdict(s, policy(s, ordinary, score=1.0)).verdict == "promote" for s in range(10)]
    assert sum(passed) >= 9


def test_an_equal_policy_is_hardly_ever_refused_and_never_waved_through() -> None:
    verdicts = [verdict(s, policy(s, ordinary, score=1e-9)).verdict for s in SEEDS]
    assert verdicts.count(GateVerdict.REFUSE) <= 0.05 * len(SEEDS)
    assert verdicts.count(GateVerdict.PROMOTE) <= 0.05 * len(SEEDS)


def test_wins_by_length_alone_are_refused() -> None:
    by_length = replace(GOOD, win_rate_at_equal_length=Interval(0.3, 0.2, 0.4))
    decision = decide(by_length, GateConfig())
    assert decision.verdict == GateVerdict.REFUSE
    assert "At equal length it would win 30%" in decision.reasons[0]


def test_a_pass_shows_every_check_with_its_interval() -> None:
    decision = decide(GOOD, GateConfig())
    assert decision.verdict == GateVerdict.PROMOTE
    assert len(decision.checks) == 15
    assert set(decision.reasons) == {check.reason for check in decision.checks}
    assert "+1.00 [+0.60, +1.40]" in decision.reasons[0]


def test_a_gain_within_chance_is_asked_about_with_what_would_settle_it() -> None:
    decision = decide(replace(GOOD, gain=Interval(0.2, -0.1, 0.5)), GateConfig())
    assert (decision.verdict, len(decision.reasons)) == (GateVerdict.ASK, 2)
    assert decision.comparisons == 194  # 60 % against 50 %, two-sided 5 %, power 80 %
    assert "about 194 blind comparisons by people would settle that" in decision.reasons[1]


@pytest.mark.parametrize(
    ("harm", "expected"),
    [
        (HarmRates(2, 2, 300), GateVerdict.PROMOTE),
        (HarmRates(2, 2, 80), GateVerdict.ASK),  # nothing seen, nothing shown
        (HarmRates(0, 0, 80), GateVerdict.ASK),
        (HarmRates(2, 30, 300), GateVerdict.REFUSE),
    ],
)
def test_harm_must_be_shown_not_to_rise(harm: HarmRates, expected: GateVerdict) -> None:
    assert decide(replace(GOOD, harm=harm), GateConfig()).verdict == expected


def test_the_sample_that_shows_no_rise_is_told_and_suffices() -> None:
    few = HarmRates(2, 2, 80)
    needed = few.needed(0.02)
    assert f"{needed:,} responses of each would show it" in str(
        decide(replace(GOOD, harm=few), GateConfig()).reasons
    )
    flagged = round(needed / 40)
    assert HarmRates(flagged, flagged, needed).rise.high <= 0.02


def test_the_judges_own_error_counts() -> None:
    """Heads that fit the judgements as well see the same responses the other way round."""
    current, better = policy(1, ordinary, 0.0), policy(1, ordinary, score=1.0)
    heads = (1.0, 1.0, -0.2, 2.0)

    def drawn(side: list[EvaluatedResponse]) -> list[EvaluatedResponse]:
        return [replace(r, draws=tuple(r.score * head for head in heads)) for r in side]

    certain = compare(current, better, CONFIG)
    doubtful = compare(drawn(current), drawn(better), CONFIG)
    assert certain.gain.low > 0 > doubtful.gain.low
    assert certain.win_rate.low > 0.5 > doubtful.win_rate.low
    assert doubtful.gain.mean == certain.gain.mean


def test_turns_of_one_conversation_count_as_one() -> None:
    current, better = policy(1, ordinary, 0.0), policy(1, ordinary, score=0.5)
    alone = compare(current, better, CONFIG)
    long = compare(current, better, CONFIG, conversations=[i // 10 for i in range(PROMPTS)])
    assert long.gain.mean == alone.gain.mean
    assert long.gain != alone.gain


CHANCE = Interval(0.2, -0.1, 0.5)


@pytest.mark.parametrize(
    ("change", "unproven"),
    [
        ({"gain": CHANCE}, True),
        ({"harm": HarmRates(2, 2, 80)}, True),
        ({"harm": HarmRates(2, 9, 80)}, False),
        ({"gain": CHANCE, "win_rate_at_equal_length": Interval(0.48, 0.4, 0.56)}, True),
        ({"gain": Interval(-0.1, -0.4, 0.2)}, False),  # it has lost rather than gained
        ({"gain": CHANCE, "failed_cases": ["rep_1"]}, False),
        ({"gain": CHANCE, "length": Interval(1.6, 1.4, 1.8)}, False),
        ({"gain": CHANCE, "kl": Interval(80.0, 70.0, 90.0)}, False),
        ({}, False),  # it is proven
    ],
)
def test_unproven_is_who_lacks_nothing_but_proof(change: dict[str, Any], unproven: bool) -> None:
    assert decide(replace(GOOD, **change), GateConfig()).unproven == unproven


def test_the_gravest_check_decides() -> None:
    mixed = replace(GOOD, gain=Interval(0.2, -0.1, 0.5), kl=Interval(80.0, 70.0, 90.0))
    decision = decide(mixed, GateConfig())
    assert decision.verdict == GateVerdict.REFUSE
    assert "nats per response" in decision.reasons[0]


def test_a_measure_at_its_limit_passes() -> None:
    assert decide(replace(GOOD, length=Interval(1.5, 1.4, 1.6)), GateConfig()).verdict == "promote"


def test_forgetting_how_to_answer_is_refused() -> None:
    taxed = replace(GOOD, tax=AlignmentTax(2.0, 2.5, Interval(0.5, 0.4, 0.6)))
    assert "loss on unseen demonstrations" in decide(taxed, GateConfig()).reasons[0]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (Interval(-0.3, -0.4, -0.2), GateVerdict.REFUSE),
        (Interval(-0.15, -0.25, -0.05), GateVerdict.ASK),
        (Interval(-0.15, -0.35, 0.05), GateVerdict.PROMOTE),  # may be chance
    ],
)
def test_a_limitation_that_grew_counts(change: Interval, expected: GateVerdict) -> None:
    assert decide(replace(GOOD, limitations={"harm": change}), GateConfig()).verdict == expected


def test_a_reported_answer_that_comes_back_is_asked_about() -> None:
    decision = decide(replace(GOOD, failed_cases=["rep_1"]), GateConfig())
    assert (decision.verdict, "rep_1" in decision.reasons[0]) == (GateVerdict.ASK, True)
    assert decide(replace(GOOD, failed_cases=[]), GateConfig()).verdict == GateVerdict.PROMOTE
