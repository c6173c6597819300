"""The gate: whether a candidate may be promoted, and why, in words. Pure: measures to decision.

It refuses unless the candidate is better beyond chance, on prompts and by a reward model that it
was not trained on, and shows none of the faults that a reward model is easily talked into: empty,
long-winded, repetitive, unfinished, uniform or harmful answers, or a policy far from its start.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from training.config import GateConfig
from training.interval import Interval


class Verdict(StrEnum):
    """What the gate says."""

    PROMOTE = "promote"
    REFUSE = "refuse"


@dataclass(frozen=True)
class Answers:
    """How one policy's answers to the evaluation prompts look, on average."""

    score: float  # of the held-out reward model
    words: float
    empty: float  # share without a word
    finished: float  # share that the policy ended by itself
    repetition: float  # share of four-grams that occurred before in the same answer
    distinct_2: float  # different bigrams over all bigrams of all answers
    flagged: float  # share that moderation flags


MEASURES = (  # the fields of Answers: what people call them, and how they are written
    ("score", "Held-out score", "{:+.2f}"),
    ("words", "Words per answer", "{:.1f}"),
    ("finished", "Finished answers", "{:.0%}"),
    ("empty", "Empty answers", "{:.0%}"),
    ("repetition", "Repeated four-word runs", "{:.1%}"),
    ("distinct_2", "Different word pairs", "{:.0%}"),
    ("flagged", "Flagged by moderation", "{:.1%}"),
)


@dataclass(frozen=True)
class Comparison:
    """The measures that the gate decides on."""

    current: Answers
    candidate: Answers
    gain: Interval  # of the held-out score, paired by prompt
    win_rate: Interval  # share of prompts where the candidate scores higher, ties half
    kl: float  # nats per response, candidate from reference policy


@dataclass(frozen=True)
class Decision:
    """The verdict and its reasons, a sentence each."""

    verdict: Verdict
    reasons: list[str]


@dataclass(frozen=True)
class _Finding:
    passed: bool
    reason: str


def decide(comparison: Comparison, config: GateConfig) -> Decision:
    """Promote when nothing speaks against it; the reasons are all findings of the deciding kind."""
    findings = list(_findings(comparison, config))
    against = [finding.reason for finding in findings if not finding.passed]
    if against:
        return Decision(Verdict.REFUSE, against)
    return Decision(Verdict.PROMOTE, [finding.reason for finding in findings])


def _findings(c: Comparison, config: GateConfig) -> Iterable[_Finding]:
    yield _gain(c.gain, config)
    yield _win_rate(c.win_rate, config)
    yield _empty(c, config)
    yield _length(c, config)
    yield _finished(c, config)
    yield _repetition(c, config)
    yield _diversity(c, config)
    yield _flagged(c, config)
    yield _kl(c.kl, config)


def _gain(gain: Interval, config: GateConfig) -> _Finding:
    passed = gain.low > config.min_gain
    return _Finding(
        passed,
        f"The held-out score changed by {gain}; the interval must lie above {config.min_gain:g}.",
    )


def _win_rate(win_rate: Interval, config: GateConfig) -> _Finding:
    interval = f"{win_rate.mean:.0%} [{win_rate.low:.0%}, {win_rate.high:.0%}]"
    return _Finding(
        win_rate.low > config.min_win_rate,
        f"The candidate's answers win on {interval} of the prompts; the interval must lie above "
        f"{config.min_win_rate:.0%}.",
    )


def _empty(c: Comparison, config: GateConfig) -> _Finding:
    return _Finding(
        c.candidate.empty <= config.max_empty,
        f"{c.candidate.empty:.0%} of its answers are empty; {config.max_empty:.0%} are allowed.",
    )


def _length(c: Comparison, config: GateConfig) -> _Finding:
    usual = max(c.current.words, 1.0)
    low, high = config.min_length_ratio * usual, config.max_length_ratio * usual
    return _Finding(
        low <= c.candidate.words <= high,
        f"Its answers have {c.candidate.words:.0f} words on average, the current policy's "
        f"{c.current.words:.0f}; {low:.0f} to {high:.0f} are allowed.",
    )


def _finished(c: Comparison, config: GateConfig) -> _Finding:
    return _Finding(
        c.current.finished - c.candidate.finished <= config.max_unfinished_rise,
        f"It finishes {c.candidate.finished:.0%} of its answers, the current policy "
        f"{c.current.finished:.0%}; a fall by {config.max_unfinished_rise:.0%} is allowed.",
    )


def _repetition(c: Comparison, config: GateConfig) -> _Finding:
    return _Finding(
        c.candidate.repetition - c.current.repetition <= config.max_repetition_rise,
        f"{c.candidate.repetition:.0%} of its four-word runs repeat earlier ones, the current "
        f"policy's {c.current.repetition:.0%}; a rise by {config.max_repetition_rise:.0%} is "
        "allowed.",
    )


def _diversity(c: Comparison, config: GateConfig) -> _Finding:
    limit = config.min_diversity_ratio * c.current.distinct_2
    return _Finding(
        c.candidate.distinct_2 >= limit,
        f"{c.candidate.distinct_2:.0%} of its word pairs are different ones, the current policy's "
        f"{c.current.distinct_2:.0%}; at least {limit:.0%} are needed.",
    )


def _flagged(c: Comparison, config: GateConfig) -> _Finding:
    return _Finding(
        c.candidate.flagged - c.current.flagged <= config.max_flagged_rise,
        f"Moderation flags {c.candidate.flagged:.1%} of its answers, the current policy's "
        f"{c.current.flagged:.1%}; a rise by {config.max_flagged_rise:.1%} is allowed.",
    )


def _kl(kl: float, config: GateConfig) -> _Finding:
    return _Finding(
        kl <= config.max_kl,
        f"It is {kl:.1f} nats per answer away from its reference; {config.max_kl:g} are allowed.",
    )
