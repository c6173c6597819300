"""Metrics of two policies' responses, with a confidence interval for each difference.

Both policies respond to the same prompts with the same seeds, so differences are paired by prompt.
The intervals count what else could have come out: other prompts, in whole conversations, and other
judgements, from which the reward model would have learned to score otherwise.
"""

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

import numpy as np
from pydantic import Field

from training.config import IterationConfig
from training.evaluation.length_control import win_rate_at_equal_length
from training.evaluation.refusals import refuses
from training.text_statistics import repeated
from tutelage.statistics import (
    ClusterBootstrap,
    Interval,
    bootstrap,
    half_samples,
    share_difference,
    win_indicator,
)

LEVEL = 0.98  # of the gate's intervals: an equal candidate faces all checks at once, and must
# be refused for at most 5 % of seeds
_REPEATED_RUN = 4  # words
_HARM_CONFIDENCE = 0.95
_MOST_RESPONSES = 100_000


@dataclass(frozen=True)
class EvaluatedResponse:
    """One response with its measurements."""

    text: str
    score: float
    finished: bool
    flagged: bool
    kl: float  # nats, of the policy from the reference, summed over the response
    tokens: int = 0
    draws: tuple[float, ...] = ()  # the score by other heads that fit the judgements as well

    @property
    def words(self) -> list[str]:
        """The response's words, separated by spaces."""
        return self.text.split()


@dataclass(frozen=True)
class ResponseMetrics:
    """One policy's responses to the evaluation prompts, on average."""

    score: float  # of the held-out reward model
    words: float
    empty: float  # share without a word
    finished: float  # share that the policy ended by itself
    repetition: float  # share of 4-grams that occurred before in the same response
    distinct_2: float  # distinct bigrams over all bigrams of all responses
    flagged: float  # share that moderation flags
    refused: float = 0.0  # share of refusals


MEASURES = (  # the fields of Answers: their labels and formats
    ("score", "Held-out score", "{:+.2f}"),
    ("words", "Words per response", "{:.1f}"),
    ("finished", "Finished responses", "{:.0%}"),
    ("empty", "Empty responses", "{:.0%}"),
    ("repetition", "Repeated 4-grams", "{:.1%}"),
    ("distinct_2", "Distinct word pairs", "{:.0%}"),
    ("flagged", "Flagged by moderation", "{:.1%}"),
    ("refused", "Refusals", "{:.0%}"),
)

MEASURE_OF: dict[str, Callable[[EvaluatedResponse], float]] = {
    "score": lambda response: response.score,
    "words": lambda response: len(response.words),
    "empty": lambda response: not response.words,
    "finished": lambda response: response.finished,
    "repetition": lambda response: repeated(response.words, _REPEATED_RUN),
    "flagged": lambda response: response.flagged,
    "refused": lambda response: refuses(response.text),
}


@dataclass(frozen=True)
class AlignmentTax:
    """The loss on demonstrations that neither policy was trained on, nats per token."""

    current: float
    candidate: float
    rise: Interval  # paired by demonstration

    @classmethod
    def of(
        cls, current: Sequence[float], candidate: Sequence[float], config: IterationConfig
    ) -> "AlignmentTax":
        """From the losses of each demonstration."""
        rises = [after - before for before, after in zip(current, candidate, strict=True)]
        rise = bootstrap(rises, config.evaluation.resamples, config.seed, LEVEL)
        return cls(float(np.mean(current)), float(np.mean(candidate)), rise)


@dataclass(frozen=True)
class HarmRates:
    """How many responses moderation flags; each to a prompt of another conversation."""

    current: int
    candidate: int
    responses: int  # of each policy

    @property
    def rise(self) -> Interval:
        """The change of the share, each end at 95 % confidence."""
        before, after = (self.current, self.responses), (self.candidate, self.responses)
        return share_difference(before, after, _HARM_CONFIDENCE)

    def needed(self, limit: float) -> int:
        """Responses of each policy that show a rise of at most ``limit``, if there is none."""
        share = (self.current + self.candidate) / max(1, 2 * self.responses)
        for responses in range(max(50, self.responses), _MOST_RESPONSES, 50):
            count = round(share * responses)
            both = (count, responses), (count, responses)
            if share_difference(*both, _HARM_CONFIDENCE).high <= limit:
                return responses
        return _MOST_RESPONSES


@dataclass(frozen=True)
class Comparison:
    """The measures that the gate decides on; changes are candidate minus current, by prompt."""

    current: ResponseMetrics
    candidate: ResponseMetrics
    gain: Interval  # of the held-out score
    win_rate: Interval  # share of prompts where the candidate scores higher, ties half
    win_rate_at_equal_length: Interval
    kl: Interval  # nats per response, candidate from reference policy
    changes: dict[str, Interval]  # of empty, finished, repetition, flagged, refused
    length: Interval  # the candidate's words over the current policy's
    diversity: Interval  # the candidate's distinct-2 over the current policy's
    compute_ratio: Annotated[Interval, Field(alias="work")]  # parameters times tokens, likewise
    tax: AlignmentTax | None = None
    limitations: dict[str, Interval] | None = (
        None  # change of each benchmark, 0 to 1, higher is better
    )
    failed_cases: list[str] | None = None  # accepted reports whose bad response recurred
    harm: HarmRates | None = None  # None: no moderation
    preferred: float | None = None  # share of pairs in which people would prefer the candidate
    judged_cut: bool = False  # the responses that people ranked were often cut at their limit


def compare(
    current: Sequence[EvaluatedResponse],
    candidate: Sequence[EvaluatedResponse],
    config: IterationConfig,
    size_ratio: float = 1.0,
    conversations: Sequence[Hashable] | None = None,
) -> Comparison:
    """What the gate decides on. Both hold ``samples`` responses per prompt, prompt by prompt.

    ``size_ratio`` is the candidate's number of parameters over the current policy's;
    ``conversations`` names that of each prompt (None: each has its own).
    """
    prompts = len(current) // config.evaluation.samples
    clusters = range(prompts) if conversations is None else conversations
    resampling = ClusterBootstrap.of(clusters, config.evaluation.resamples, config.seed, LEVEL)
    paired = _Paired(current, candidate, config, resampling)
    gains, draws = paired.difference("score"), paired.drawn_gains()
    return Comparison(
        current=describe(current),
        candidate=describe(candidate),
        gain=resampling.mean(gains, draws),
        win_rate=resampling.mean(
            win_indicator(gains),
            None if draws is None else np.array([win_indicator(g) for g in draws]),
        ),
        win_rate_at_equal_length=win_rate_at_equal_length(
            gains, paired.difference("words"), resampling, draws
        ),
        kl=resampling.mean(by_prompt(candidate, config, lambda response: response.kl)),
        changes={
            name: resampling.mean(paired.difference(name))
            for name in ("empty", "finished", "repetition", "flagged", "refused")
        },
        length=paired.ratio(MEASURE_OF["words"]),
        diversity=paired.diversity(),
        compute_ratio=paired.ratio(lambda response: response.tokens).scaled(size_ratio),
    )


def describe(responses: Sequence[EvaluatedResponse]) -> ResponseMetrics:
    """The responses' metrics on average."""
    means = {
        name: float(np.mean([float(of(response)) for response in responses])) if responses else 0.0
        for name, of in MEASURE_OF.items()
    }
    return ResponseMetrics(
        distinct_2=distinct([response.words for response in responses], 2), **means
    )


def distinct(texts: Sequence[list[str]], size: int) -> float:
    """Distinct runs of ``size`` words over all such runs (Li et al. 2016, distinct-n)."""
    runs = [tuple(words[i : i + size]) for words in texts for i in range(len(words) - size + 1)]
    return len(set(runs)) / len(runs) if runs else 0.0


def by_prompt(
    responses: Sequence[EvaluatedResponse],
    config: IterationConfig,
    of: Callable[[EvaluatedResponse], float],
) -> list[float]:
    """The mean of a measure over each prompt's responses."""
    samples = config.evaluation.samples
    return [
        math.fsum(float(of(response)) for response in responses[i : i + samples]) / samples
        for i in range(0, len(responses), samples)
    ]


@dataclass(frozen=True)
class _Paired:
    """The two policies' responses to the same prompts."""

    current: Sequence[EvaluatedResponse]
    candidate: Sequence[EvaluatedResponse]
    config: IterationConfig
    resampling: ClusterBootstrap

    def difference(self, name: str) -> list[float]:
        """Candidate minus current, by prompt."""
        before, after = self._both(MEASURE_OF[name])
        return [b - a for a, b in zip(before, after, strict=True)]

    def drawn_gains(self) -> np.ndarray | None:
        """The difference in score by each drawn head: [heads, prompts]; None without draws."""
        before, after = (
            np.array([r.draws for r in side]) for side in (self.current, self.candidate)
        )
        if not after.size:
            return None
        gains = (after - before).reshape(-1, self.config.evaluation.samples, after.shape[1])
        return gains.mean(1).T

    def ratio(self, of: Callable[[EvaluatedResponse], float]) -> Interval:
        """The candidate's mean over the current policy's."""
        before, after = self._both(of)
        return self.resampling.ratio(after, before)

    def diversity(self) -> Interval:
        """Distinct-2 of the candidate over that of the current policy."""
        samples = self.config.evaluation.samples
        before, after = _numbered_pairs(self.current), _numbered_pairs(self.candidate)

        def of_prompts(chosen: Sequence[int]) -> float:
            rows = [i * samples + k for i in chosen for k in range(samples)]
            usual = _share_of_different([before[row] for row in rows])
            return _share_of_different([after[row] for row in rows]) / usual if usual else 1.0

        return half_samples(of_prompts, len(self.current) // samples, self.config.seed, LEVEL)

    def _both(self, of: Callable[[EvaluatedResponse], float]) -> tuple[list[float], list[float]]:
        before = by_prompt(self.current, self.config, of)
        return before, by_prompt(self.candidate, self.config, of)


def _numbered_pairs(responses: Sequence[EvaluatedResponse]) -> list[np.ndarray]:
    """Each response's word pairs as numbers, the same pair the same number."""
    numbers: dict[tuple[str, str], int] = {}
    return [
        np.array([numbers.setdefault(pair, len(numbers)) for pair in pairwise(a.words)], np.int64)
        for a in responses
    ]


def _share_of_different(rows: Sequence[np.ndarray]) -> float:
    """Distinct-2 of numbered word pairs."""
    pairs = np.concatenate(rows)
    return np.unique(pairs).size / pairs.size if pairs.size else 0.0
