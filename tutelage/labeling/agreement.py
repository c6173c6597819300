"""How far labelers agree, and how far each can be relied on; computed from rankings, never stored.

Rankings are taken apart into pairs: of two answers the first is better, worse, or tied.
- Krippendorff's alpha over pairs, ordinal (Krippendorff 2011, "Computing alpha-reliability").
- The share of pairs on which two labelers say the same, with a bootstrap interval over tasks.
- Reliability by Dawid and Skene (1979) with one parameter for each labeler: with probability p
  they say the true order, else one of the other two at random. docs/decisions/0010 says why.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from sqlmodel import Session, select

from tutelage.feedback import feedback
from tutelage.statistics import Interval, bootstrap_ratio
from tutelage.tables import Conversation, Feedback, FeedbackKind, LabelingTask, Purpose

CLASSES = 3  # worse, tied, better
FEW = 10  # pairs that others ranked too; with fewer a labeler's reliability is not told
FEWEST_LABELERS = 3
LEAST_WEIGHT = 0.1
_ROUNDS = 50
_RESAMPLES = 1000

Pair = tuple[str, str, str]  # (task, one answer, another): the ids are in order
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


def agreement(labels: Labels, seed: int = 0) -> LabelerAgreement:
    """How far they agree on what two or more ranked."""
    shared = {pair: given for pair, given in labels.items() if len(given) > 1}
    tasks = {pair[0] for pair in shared}
    return LabelerAgreement(len(tasks), len(shared), _alpha(shared), _same(shared, seed))


def reliability(labels: Labels) -> dict[str, float]:
    """The probability that each labeler says the true order, by expectation maximisation."""
    shared = [given for given in labels.values() if len(given) > 1]
    labelers = sorted({who for given in shared for who in given})
    index = {who: i for i, who in enumerate(labelers)}
    if not labelers:
        return {}
    votes = np.full((len(shared), len(labelers)), -1)  # [pairs, labelers], class or -1
    for row, given in enumerate(shared):
        for who, label in given.items():
            votes[row, index[who]] = label + 1
    right = _one_coin(votes)
    return {who: float(right[i]) for who, i in index.items()}


def shared_pairs(labels: Labels) -> dict[str, int]:
    """How many pairs of each labeler another labeler ranked too."""
    found: dict[str, int] = defaultdict(int)
    for given in labels.values():
        for who in given if len(given) > 1 else ():
            found[who] += 1
    return dict(found)


def weights(labels: Labels) -> dict[str, float]:
    """What each labeler's rankings count in training; a labeler who is missing counts 1.

    Reliability above chance, (p - 1/3) / (1 - 1/3), at least 0.1. Of two labelers who differ
    nobody can say which one is right, so there are weights from three labelers on.
    """
    known, found = shared_pairs(labels), reliability(labels)
    if len(found) < FEWEST_LABELERS:
        return {}
    return {
        who: float(np.clip((p - 1 / CLASSES) / (1 - 1 / CLASSES), LEAST_WEIGHT, 1.0))
        for who, p in found.items()
        if known[who] >= FEW
    }


def training_weights(rows: Iterable[Feedback]) -> Mapping[str, float]:
    """The weights of rankings in these rows, which are all that may be trained on."""
    return weights(labels_of(feedback.effective(rows)))


def gold_accuracy(session: Session, labels: Labels) -> dict[str, tuple[int, int]]:
    """Of each labeler: pairs of gold tasks that they ordered rightly, and all of them.

    A gold task does not measure the labeler who set its gold ranking.
    """
    found: dict[str, list[bool]] = defaultdict(list)
    for task in session.exec(select(LabelingTask)):
        if not task.gold or not task.message_id:
            continue
        for pair, label in pairs_of(task.message_id, task.gold["ranking"]).items():
            for who, said in labels.get(pair, {}).items():
                if who != task.gold.get("author_id"):
                    found[who].append(said == label)
    return {who: (sum(right), len(right)) for who, right in found.items()}


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


def _one_coin(votes: np.ndarray) -> np.ndarray:
    """EM on votes [pairs, labelers] in 0 … 2 or -1; the probabilities to be right [labelers]."""
    given = votes >= 0
    hits = votes[:, :, None] == np.arange(CLASSES)  # [pairs, labelers, classes]
    truth = hits.sum(1) / given.sum(1, keepdims=True)  # majority vote to begin with
    right = np.full(votes.shape[1], 0.5)
    for _ in range(_ROUNDS):
        # One vote of each sort is added, so that no labeler's estimate is exactly 0 or 1.
        right = ((truth[:, None, :] * hits).sum((0, 2)) + 1) / (given.sum(0) + 2)
        prior = truth.mean(0) + 1e-9
        wrong = (1 - right) / (CLASSES - 1)
        chance = np.where(hits, right[:, None], wrong[:, None])
        logs = np.log(prior) + (np.log(chance) * given[:, :, None]).sum(1)
        truth = np.exp(logs - logs.max(1, keepdims=True))
        truth /= truth.sum(1, keepdims=True)
    return right
