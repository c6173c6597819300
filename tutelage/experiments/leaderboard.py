"""The leaderboard: how strong each policy is, from all duels between two policies' answers.

Bradley and Terry (1952): the log-odds that one policy's answer beats another's are the difference
of their strengths; a further term takes up what the longer answer wins by its length alone (after
Dubois et al. 2024, arXiv 2404.04475). Strengths are shown on Elo's scale, the oldest policy at
1000, with intervals from resampled duels.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sqlmodel import Session, col, select

from tutelage import jsonl
from tutelage.feedback import feedback
from tutelage.statistics import LEVEL, percentile_interval, resample_indices
from tutelage.tables import Feedback, FeedbackKind, Iteration, Message

PEOPLE, GATE = "people", "gate"
ELO, ANCHOR = 400 / math.log(10), 1000.0
RESAMPLES, SEED = 100, 5
USUAL_WORDS = 20.0  # a difference in length counts as tanh(words / this)


@dataclass(frozen=True)
class Duel:
    """Two policies' answers to one prompt: 1 when ``one`` won, 0 when it lost, half for a tie."""

    one: str
    other: str
    won: float
    more_words: int


@dataclass(frozen=True)
class Rating:
    """A policy's strength with its 95 % interval."""

    policy_id: str
    elo: float
    low: float
    high: float
    duels: int
    wins: float


@dataclass(frozen=True)
class Board:
    """All ratings, the strongest first, and what ten more words are worth."""

    source: str
    ratings: list[Rating]
    elo_of_ten_words: float


def people_duels(session: Session) -> list[Duel]:
    """From rankings in which people put answers of two policies in order."""
    ranked = select(Feedback).where(
        col(Feedback.kind).in_((FeedbackKind.RANKING, FeedbackKind.WITHDRAWAL))
    )
    rows = [r for r in feedback.effective(session.exec(ranked)) if r.kind == FeedbackKind.RANKING]
    wanted = [name for row in rows for group in row.value["ranking"] for name in group]
    found = session.exec(select(Message).where(col(Message.id).in_(wanted)))
    messages = {message.id: message for message in found}
    return [duel for row in rows for duel in _of_ranking(row.value["ranking"], messages)]


def gate_duels(session: Session, iterations: Path) -> list[Duel]:
    """From the gate's evaluations, as their held-out reward models judged."""
    rows = session.exec(select(Iteration).where(col(Iteration.policy_id).is_not(None)))
    return [
        Duel(
            str(row.policy_id),
            row.parent_policy_id,
            _outcome(example["candidate"]["score"], example["current"]["score"]),
            _words(example["candidate"]["text"]) - _words(example["current"]["text"]),
        )
        for row in rows
        for example in jsonl.read_growing(iterations / row.id / "evaluation" / "examples.jsonl")
    ]


def board(source: str, duels: Sequence[Duel]) -> Board:
    """The ratings of everybody who had a duel."""
    names = sorted({name for duel in duels for name in (duel.one, duel.other)})
    if not names:
        return Board(source, [], 0.0)
    whole = _fit(duels, names)
    resamples = resample_indices(len(duels), RESAMPLES, SEED)
    strengths = np.array([_fit([duels[i] for i in chosen], names) for chosen in resamples])
    ratings = [
        _rating(name, duels, float(whole[i]), *percentile_interval(strengths[:, i], LEVEL))
        for i, name in enumerate(names)
    ]
    of_ten = float(whole[-1]) * math.tanh(10 / USUAL_WORDS) * ELO
    return Board(source, sorted(ratings, key=lambda rating: -rating.elo), of_ten)


def _fit(duels: Sequence[Duel], names: Sequence[str]) -> np.ndarray:
    """Strengths, the first one's nought, then the effect of length: [names + 1]."""
    from sklearn.linear_model import LogisticRegression

    place = {name: i for i, name in enumerate(names)}
    design = np.zeros((len(duels), len(names) + 1))
    for row, duel in enumerate(duels):
        design[row, place[duel.one]] += 1
        design[row, place[duel.other]] -= 1
        design[row, -1] = math.tanh(duel.more_words / USUAL_WORDS)
    won = np.array([duel.won for duel in duels])
    model = LogisticRegression(C=10.0, fit_intercept=False)
    both = np.concatenate((np.ones(len(duels)), np.zeros(len(duels))))
    weights = np.concatenate((won, 1 - won)) + 1e-9  # a tie is half a win and half a loss
    found = model.fit(np.concatenate((design, design)), both, sample_weight=weights).coef_[0]
    found[:-1] -= found[0]
    return np.asarray(found)


def _rating(name: str, duels: Sequence[Duel], whole: float, low: float, high: float) -> Rating:
    own = [d.won for d in duels if d.one == name] + [1 - d.won for d in duels if d.other == name]
    mean, bottom, top = (ANCHOR + ELO * value for value in (whole, low, high))
    return Rating(name, mean, bottom, top, len(own), sum(own))


def _of_ranking(groups: list[list[str]], messages: dict[str, Message]) -> Iterable[Duel]:
    placed = [
        (rank, messages[name]) for rank, group in enumerate(groups) for name in group
        if name in messages and messages[name].policy_id
    ]  # fmt: skip
    for i, (rank, one) in enumerate(placed):
        for other_rank, other in placed[i + 1 :]:
            if one.policy_id != other.policy_id:
                more = _words(one.content) - _words(other.content)
                won = _outcome(-rank, -other_rank)
                yield Duel(str(one.policy_id), str(other.policy_id), won, more)


def _outcome(one: float, other: float) -> float:
    return 0.5 if one == other else float(one > other)


def _words(text: str) -> int:
    return len(text.split())
