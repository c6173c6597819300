"""The leaderboard: how strong each policy is, from pairwise comparisons of two policies' responses.

Bradley and Terry (1952): the log-odds that one policy's answer beats another's are the difference
of their strengths; a further term takes up what the longer answer wins by its length alone (after
Dubois et al. 2024, arXiv 2404.04475). Strengths are shown on Elo's scale, the oldest policy at
1000, with intervals from resampled comparisons.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from sqlmodel import Session, col, select
from threadpoolctl import threadpool_limits

from tutelage import jsonl
from tutelage.feedback import feedback
from tutelage.iteration_folder import IterationFolder
from tutelage.statistics import LEVEL, percentile_interval, resample_indices
from tutelage.tables import Feedback, FeedbackKind, Iteration, Message

PEOPLE, GATE = "people", "gate"
ELO, ANCHOR = 400 / math.log(10), 1000.0
RESAMPLES, SEED = 100, 5
USUAL_WORDS = 20.0  # a difference in length counts as tanh(words / this)


@dataclass(frozen=True)
class PairwiseComparison:
    """Two policies' responses to one prompt: 1 when ``one`` won, 0 when it lost, half for a tie."""

    one: str
    other: str
    won: float
    more_words: int
    ranking: str = ""  # that it is part of; those of one ranking are drawn together


@dataclass(frozen=True)
class Rating:
    """A policy's strength with its 95 % interval."""

    policy_id: str
    elo: float
    low: float
    high: float
    duels: int  # pairwise comparisons
    wins: float


@dataclass(frozen=True)
class Board:
    """All ratings, the strongest first, and what ten more words are worth."""

    source: str
    ratings: list[Rating]
    elo_of_ten_words: float


def user_comparisons(session: Session) -> list[PairwiseComparison]:
    """From the rankings by users of responses of two policies."""
    ranked = select(Feedback).where(
        col(Feedback.kind).in_((FeedbackKind.RANKING, FeedbackKind.WITHDRAWAL))
    )
    rows = [r for r in feedback.effective(session.exec(ranked)) if r.kind == FeedbackKind.RANKING]
    wanted = [name for row in rows for group in row.value["ranking"] for name in group]
    found = session.exec(select(Message).where(col(Message.id).in_(wanted)))
    messages = {message.id: message for message in found}
    return [
        comparison
        for row in rows
        for comparison in _of_ranking(row.id, row.value["ranking"], messages)
    ]


def gate_comparisons(session: Session, iterations: Path) -> list[PairwiseComparison]:
    """From the gate's evaluations, as their held-out reward models scored the responses."""
    rows = session.exec(select(Iteration).where(col(Iteration.policy_id).is_not(None)))
    return [
        PairwiseComparison(
            str(row.policy_id),
            row.baseline_policy_id,
            _outcome(example["candidate"]["score"], example["current"]["score"]),
            _words(example["candidate"]["text"]) - _words(example["current"]["text"]),
        )
        for row in rows
        for example in jsonl.read_growing(IterationFolder(iterations / row.id).examples)
    ]


@lru_cache(maxsize=8)
def board(source: str, comparisons: tuple[PairwiseComparison, ...]) -> Board:
    """The rating of every policy that was compared; kept until the comparisons change."""
    names = sorted(
        {name for comparison in comparisons for name in (comparison.one, comparison.other)}
    )
    if not names:
        return Board(source, [], 0.0)
    groups = _rankings(comparisons)
    resamples = resample_indices(int(groups.max()) + 1, RESAMPLES, SEED)
    counts = [np.bincount(chosen, minlength=groups.max() + 1)[groups] for chosen in resamples]
    with threadpool_limits(1):  # small fits: threads would only wait for each other
        whole, *rest = _fits(comparisons, names, [np.ones(len(comparisons)), *counts])
    strengths = np.array(rest)
    ratings = [
        _rating(name, comparisons, float(whole[i]), *percentile_interval(strengths[:, i], LEVEL))
        for i, name in enumerate(names)
    ]
    of_ten = float(whole[-1]) * math.tanh(10 / USUAL_WORDS) * ELO
    return Board(source, sorted(ratings, key=lambda rating: -rating.elo), of_ten)


def _rankings(comparisons: Sequence[PairwiseComparison]) -> np.ndarray:
    """The number of each comparison's ranking: a ranking of five holds ten dependent ones."""
    numbers: dict[str, int] = {}
    return np.array(
        [numbers.setdefault(c.ranking or f"#{i}", len(numbers)) for i, c in enumerate(comparisons)]
    )


def _fits(
    comparisons: Sequence[PairwiseComparison],
    names: Sequence[str],
    counts: Iterable[np.ndarray],  # each [comparisons]: how often each is drawn
) -> list[np.ndarray]:
    """For each draw strengths, the first one's nought, then the effect of length: [names + 1]."""
    from sklearn.linear_model import LogisticRegression

    place = {name: i for i, name in enumerate(names)}
    design = np.zeros((len(comparisons), len(names) + 1))
    for row, comparison in enumerate(comparisons):
        design[row, place[comparison.one]] += 1
        design[row, place[comparison.other]] -= 1
        design[row, -1] = math.tanh(comparison.more_words / USUAL_WORDS)
    won = np.array([comparison.won for comparison in comparisons])
    model = LogisticRegression(C=10.0, fit_intercept=False)
    both = np.concatenate((np.ones(len(comparisons)), np.zeros(len(comparisons))))
    doubled = np.concatenate((design, design))
    fits = []
    for drawn in counts:  # a tie is half a win and half a loss
        weights = np.concatenate((won * drawn, (1 - won) * drawn)) + 1e-9
        found = model.fit(doubled, both, sample_weight=weights).coef_[0]
        fits.append(np.concatenate((found[:-1] - found[0], found[-1:])))
    return fits


def _rating(
    name: str, comparisons: Sequence[PairwiseComparison], whole: float, low: float, high: float
) -> Rating:
    own = [c.won for c in comparisons if c.one == name]
    own += [1 - c.won for c in comparisons if c.other == name]
    mean, bottom, top = (ANCHOR + ELO * value for value in (whole, low, high))
    return Rating(name, mean, bottom, top, len(own), sum(own))


def _of_ranking(
    ranking: str, groups: list[list[str]], messages: dict[str, Message]
) -> Iterable[PairwiseComparison]:
    placed = [
        (rank, messages[name]) for rank, group in enumerate(groups) for name in group
        if name in messages and messages[name].policy_id
    ]  # fmt: skip
    for i, (rank, one) in enumerate(placed):
        for other_rank, other in placed[i + 1 :]:
            if one.policy_id != other.policy_id:
                more = _words(one.content) - _words(other.content)
                won = _outcome(-rank, -other_rank)
                yield PairwiseComparison(
                    str(one.policy_id), str(other.policy_id), won, more, ranking
                )


def _outcome(one: float, other: float) -> float:
    return 0.5 if one == other else float(one > other)


def _words(text: str) -> int:
    return len(text.split())
