"""How far labelers agree, and how far each can be relied on; computed from rankings, never stored.

Rankings are taken apart into pairs: of two answers the first is better, worse, or tied.
- Krippendorff's alpha over pairs, ordinal (Krippendorff 2011, "Computing alpha-reliability").
- The share of pairs on which two labelers say the same, with a bootstrap interval over tasks.
- Reliability by Dawid and Skene (1979) with one parameter for each labeler: with probability p
  they say the true order, else one of the other two at random. Gold tasks anchor the estimate.
  docs/decisions/0010 says why.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from types import MappingProxyType

import numpy as np
from sqlmodel import Session, col, func, select

from tutelage.feedback import feedback
from tutelage.feedback.preference_data import Gold
from tutelage.statistics import Interval, bootstrap_ratio
from tutelage.tables import Conversation, Feedback, FeedbackKind, Purpose

CLASSES = 3  # worse, tied, better
FEW = 10  # pairs that others or gold ranked too; with fewer a labeler's reliability is not told
FEWEST_LABELERS = 3
LEAST_WEIGHT = 0.1
BELIEVED = 0.3  # the weight from which on a labeler is believed
_ROUNDS = 50
_RESAMPLES = 1000
_AT_ONCE = 1000  # rows

Pair = tuple[str, str, str]  # (task, one answer, another): the ids are in order
GoldTasks = Mapping[str, Gold]  # by task
Labels = dict[Pair, dict[str, int]]  # labeler -> -1 the first is better, 0 tied, 1 the second


@dataclass(frozen=True)
class LabelerAgreement:
    """Agreement among all labelers; None where no two ranked the same task."""

    tasks: int  # ranked by two or more
    pairs: int
    alpha: float | None
    same: Interval | None  # share of pairs on which two labelers say the same


def labels_of(rows: Iterable[Feedback]) -> Labels:
    """The rankings that stand, as pairs."""
    labels: Labels = defaultdict(dict)
    for row in rows:
        if row.kind == FeedbackKind.RANKING:
            for pair, label in pairs_of(row.target, row.value["ranking"]).items():
                labels[pair][row.author_id] = label
    return dict(labels)


def pairs_of(task: str, ranking: Sequence[Sequence[str]]) -> dict[Pair, int]:
    """One ranking as pairs."""
    places = {each: place for place, group in enumerate(ranking) for each in group}
    return {
        (task, first, second): int(np.sign(places[first] - places[second]))
        for first, second in combinations(sorted(places), 2)
    }


def read(session: Session) -> Labels:
    """The pairs that labelers ranked."""
    labeling = select(Conversation.id).where(Conversation.purpose == Purpose.LABELING)
    rows = session.exec(select(Feedback).where(Feedback.conversation_id.in_(labeling)))  # type: ignore[attr-defined]
    return labels_of(feedback.effective(rows))


def with_others(session: Session, author_id: str) -> tuple[int, int]:
    """Of the pairs that both this person and another one ranked: the same order, and all."""
    is_ranking = Feedback.kind == FeedbackKind.RANKING
    own = select(Feedback.target).where(Feedback.author_id == author_id, is_ranking)
    shared = select(Feedback).where(col(Feedback.target).in_(own), is_ranking)
    labels = labels_of(session.exec(shared.where(*feedback.standing())))
    found = [
        label == given[author_id]
        for given in labels.values()
        for who, label in given.items()
        if author_id in given and who != author_id
    ]
    return sum(found), len(found)


def agreement(labels: Labels, seed: int = 0) -> LabelerAgreement:
    """How far they agree on what two or more ranked."""
    shared = {pair: given for pair, given in labels.items() if len(given) > 1}
    tasks = {pair[0] for pair in shared}
    return LabelerAgreement(len(tasks), len(shared), _alpha(shared), _same(shared, seed))


def reliability(labels: Labels, gold: GoldTasks = MappingProxyType({})) -> dict[str, float]:
    """The probability that each labeler says the true order, by expectation maximisation."""
    known = _gold_pairs(gold)
    checkable = _checkable(labels, gold)
    labelers = sorted({who for given in checkable.values() for who in given})
    index = {who: i for i, who in enumerate(labelers)}
    if not labelers:
        return {}
    votes = np.full((len(checkable), len(labelers)), -1)  # [pairs, labelers], class or -1
    for row, given in enumerate(checkable.values()):
        for who, label in given.items():
            votes[row, index[who]] = label + 1
    right = _one_coin(votes, np.array([known.get(pair, -2) + 1 for pair in checkable]))
    return {who: float(right[i]) for who, i in index.items()}


def checkable_pairs(labels: Labels, gold: GoldTasks) -> dict[str, int]:
    """How many pairs of each labeler another labeler or a gold task ordered too."""
    return dict(Counter(who for given in _checkable(labels, gold).values() for who in given))


def weights(labels: Labels, gold: GoldTasks = MappingProxyType({})) -> dict[str, float]:
    """The weight of each labeler's rankings in training; a labeler who is missing has weight 1.

    Reliability above chance, (p - 1/3) / (1 - 1/3), at least 0.1. Without gold tasks the estimate
    rests on the labelers alone. Then it needs three of them, and it counts only where it believes
    most of them: a minority that agrees with itself looks the same as a minority that is right.
    """
    found = reliability(labels, gold)
    weighted = {
        who: float(np.clip((p - 1 / CLASSES) / (1 - 1 / CLASSES), LEAST_WEIGHT, 1.0))
        for who, p in found.items()
    }
    pairs = checkable_pairs(labels, gold)
    weighted = {who: weight for who, weight in weighted.items() if pairs[who] >= FEW}
    if any(checked >= FEW for _, checked in gold_accuracy(labels, gold).values()):
        return weighted
    believed = sum(weight >= BELIEVED for weight in weighted.values())
    enough = len(found) >= FEWEST_LABELERS and 2 * believed > len(weighted)
    return weighted if enough else {}


def training_weights(rows: Iterable[Feedback], gold: GoldTasks) -> Mapping[str, float]:
    """The weights of rankings in these rows, which are all that may be trained on."""
    return weights(labels_of(feedback.effective(rows)), gold)


def stored_weights(session: Session, gold: GoldTasks) -> Mapping[str, float]:
    """``training_weights`` of what is stored, from the tasks that have a second opinion.

    All others say nothing of a labeler.
    """
    consented = select(Conversation.id).where(Conversation.training)
    asked = col(Feedback.conversation_id).in_(consented)
    several = select(Feedback.target).where(Feedback.kind == FeedbackKind.RANKING, asked)
    several = several.group_by(Feedback.target).having(func.count() > 1)
    targets = {*session.exec(several), *gold}
    ranked = session.exec(
        select(Feedback)
        .where(asked, col(Feedback.kind).in_((FeedbackKind.RANKING, FeedbackKind.WITHDRAWAL)))
        .order_by(col(Feedback.seq))
        .execution_options(yield_per=_AT_ONCE)
    )
    return training_weights(
        (row for row in ranked if row.kind == FeedbackKind.WITHDRAWAL or row.target in targets),
        gold,
    )


def gold_accuracy(labels: Labels, gold: GoldTasks) -> dict[str, tuple[int, int]]:
    """For each labeler: pairs of gold tasks that they ordered correctly, and all of them.

    A gold task does not measure its author.
    """
    found: dict[str, list[bool]] = defaultdict(list)
    for task, (ranking, author_id) in gold.items():
        for pair, label in pairs_of(task, ranking).items():
            for who, said in labels.get(pair, {}).items():
                if who != author_id:
                    found[who].append(said == label)
    return {who: (sum(right), len(right)) for who, right in found.items()}


def _gold_pairs(gold: GoldTasks) -> dict[Pair, int]:
    return {
        pair: label
        for task, (ranking, _) in gold.items()
        for pair, label in pairs_of(task, ranking).items()
    }


def _checkable(labels: Labels, gold: GoldTasks) -> Labels:
    """The pairs with a second opinion, without what the author of a gold task says of it."""
    known, found = _gold_pairs(gold), {}
    for pair, given in labels.items():
        if pair in known:
            author_id = gold[pair[0]].author_id
            given = {who: label for who, label in given.items() if who != author_id}
        if len(given) > (pair not in known):
            found[pair] = given
    return found


def disagreements(labels: Labels) -> list[tuple[str, float]]:
    """Tasks that two or more ranked, with the share of pairs not agreed on, the worst first."""
    return [(task, share) for task, share in ranked(labels) if share > 0]


def ranked(labels: Labels) -> list[tuple[str, float]]:
    """All ranked tasks, with the share of pairs not agreed on, the worst first."""
    by_task: dict[str, list[bool]] = defaultdict(list)
    for (task, _, _), given in labels.items():
        by_task[task] += [a != b for a, b in combinations(given.values(), 2)]
    found = [(task, float(np.mean(differ or [False]))) for task, differ in by_task.items()]
    return sorted(found, key=lambda each: -each[1])


def _alpha(shared: Labels) -> float | None:
    labelers = sorted({who for given in shared.values() for who in given})
    said = {label for given in shared.values() for label in given.values()}
    if len(said) < 2:
        return 1.0 if shared else None
    import krippendorff

    table = [[given.get(who, np.nan) for given in shared.values()] for who in labelers]
    return float(krippendorff.alpha(np.array(table), level_of_measurement="ordinal"))


def _same(shared: Labels, seed: int) -> Interval | None:
    by_task: dict[str, list[bool]] = defaultdict(list)
    for (task, _, _), given in shared.items():
        by_task[task] += [a == b for a, b in combinations(given.values(), 2)]
    if not by_task:
        return None
    sums = np.array([(sum(same), len(same)) for same in by_task.values()])  # [tasks, 2]
    return bootstrap_ratio(sums[:, 0], sums[:, 1], _RESAMPLES, seed)


def _one_coin(votes: np.ndarray, gold: np.ndarray) -> np.ndarray:
    """EM on votes [pairs, labelers] in 0 … 2 or -1; the probabilities to be right [labelers].

    ``gold`` [pairs] is the true class, or -1 where it is not known. The first estimate is the
    majority vote, or the vote weighted by the accuracy on gold.
    """
    given, known = votes >= 0, gold >= 0
    hits = votes[:, :, None] == np.arange(CLASSES)  # [pairs, labelers, classes]
    certain = np.eye(CLASSES)[gold[known]]
    truth = hits.sum(1) / given.sum(1, keepdims=True)
    right = _right(certain, hits[known], given[known])
    if known.any():
        truth = _truth(truth.mean(0), right, hits, given)
    for _ in range(_ROUNDS):
        truth[known] = certain
        right = _right(truth, hits, given)
        truth = _truth(truth.mean(0), right, hits, given)
    return right


def _right(truth: np.ndarray, hits: np.ndarray, given: np.ndarray) -> np.ndarray:
    """The share of right votes [labelers]; one of each sort is added, so that none is certain."""
    right: np.ndarray = ((truth[:, None, :] * hits).sum((0, 2)) + 1) / (given.sum(0) + 2)
    return right


def _truth(prior: np.ndarray, right: np.ndarray, hits: np.ndarray, given: np.ndarray) -> np.ndarray:
    """The probability of each class [pairs, classes]."""
    wrong = (1 - right) / (CLASSES - 1)
    chance = np.where(hits, right[:, None], wrong[:, None])
    logs = np.log(prior + 1e-9) + (np.log(chance) * given[:, :, None]).sum(1)
    truth: np.ndarray = np.exp(logs - logs.max(1, keepdims=True))
    truth /= truth.sum(1, keepdims=True)
    return truth
