"""Agreement and reliability, on labelers whose habits are known."""

import random
from itertools import combinations

import numpy as np
import pytest

from tutelage.feedback.preference_data import Gold
from tutelage.labeling import agreement
from tutelage.labeling.agreement import Labels, pairs_of


def simulated(right: dict[str, float], tasks: int = 60, seed: int = 1) -> Labels:
    """Labelers who order each pair of 4 answers rightly with their probability."""
    draw = random.Random(seed)
    labels: Labels = {}
    for task in range(tasks):
        for first, second in combinations("abcd", 2):
            truth = draw.choice([-1, 0, 1])
            others = [label for label in (-1, 0, 1) if label != truth]
            labels[(str(task), first, second)] = {
                who: truth if draw.random() < p else draw.choice(others) for who, p in right.items()
            }
    return labels


def test_a_ranking_is_its_pairs() -> None:
    assert pairs_of("t", [["b"], ["a", "c"]]) == {
        ("t", "a", "b"): 1, ("t", "a", "c"): 0, ("t", "b", "c"): -1,
    }  # fmt: skip


def test_reliability_is_found_without_knowing_the_truth() -> None:
    habits = {"careful": 0.95, "usual": 0.8, "hasty": 0.6, "random": 1 / 3}
    found = agreement.reliability(simulated(habits))
    for who, p in habits.items():
        assert found[who] == pytest.approx(p, abs=0.08)


def test_weights_follow_reliability_and_need_evidence() -> None:
    labels = simulated({"careful": 0.95, "sound": 0.9, "usual": 0.75, "random": 1 / 3}, tasks=150)
    weights = agreement.weights(labels)
    assert weights["careful"] > weights["usual"] > weights["random"] >= agreement.LEAST_WEIGHT
    few = dict(list(labels.items())[: agreement.FEW - 1])
    assert agreement.weights(few) == {}


def colluding(honest: int, liars: int) -> tuple[Labels, dict[str, Gold]]:
    """Rankings of 40 tasks by honest labelers (right of 3 pairs in 4) and liars; five are gold."""
    draw, truth = random.Random(3), [["a"], ["b"], ["c"], ["d"]]
    labels: Labels = {}
    for task in map(str, range(40)):
        for pair, label in pairs_of(task, truth).items():
            labels[pair] = {f"liar{n}": -label for n in range(liars)} | {
                f"honest{n}": label if draw.random() < 0.75 else -label for n in range(honest)
            }
    return labels, {str(task): Gold(truth, "operator") for task in range(5)}


def test_gold_tasks_find_a_majority_that_colludes() -> None:
    labels, gold = colluding(honest=5, liars=6)
    weights = agreement.weights(labels, gold)
    assert all(weights[f"liar{n}"] == agreement.LEAST_WEIGHT for n in range(6))
    assert all(weights[f"honest{n}"] > 0.4 for n in range(5))


def test_a_minority_that_agrees_with_itself_is_not_believed_without_gold() -> None:
    labels, _ = colluding(honest=5, liars=4)
    assert agreement.weights(labels) == {}
    single, _ = colluding(honest=5, liars=1)
    assert agreement.weights(single)["liar0"] == agreement.LEAST_WEIGHT


def test_the_author_of_a_gold_task_is_not_measured_by_it() -> None:
    labels, gold = colluding(honest=3, liars=0)
    own = {task: Gold(ranking, "honest0") for task, (ranking, _) in gold.items()}
    assert "honest0" not in agreement.gold_accuracy(labels, own)
    assert agreement.checkable_pairs(labels, own)["honest0"] == 35 * 6


def test_whoever_labels_alone_has_no_reliability() -> None:
    labels = {pair: {"lonely": label} for pair, label in pairs_of("t", [["a"], ["b"]]).items()}
    assert agreement.reliability(labels) == {}
    assert agreement.agreement(labels).alpha is None


def test_agreement_is_one_for_the_like_minded_and_none_by_chance() -> None:
    same = agreement.agreement(simulated({"a": 1.0, "b": 1.0}))
    assert same.alpha == pytest.approx(1.0) and same.same and same.same.low == 1.0
    chance = agreement.agreement(simulated({"a": 1 / 3, "b": 1 / 3}, tasks=200))
    assert chance.alpha == pytest.approx(0.0, abs=0.1)
    assert chance.same and chance.same.low < 1 / 3 < chance.same.high


def test_disputed_tasks_come_in_order() -> None:
    labels: Labels = {}
    for task, other in (("calm", [["a"], ["b"], ["c"]]), ("hot", [["c"], ["b"], ["a"]])):
        mine = pairs_of(task, [["a"], ["b"], ["c"]])
        theirs = pairs_of(task, other)
        labels |= {pair: {"x": mine[pair], "y": theirs[pair]} for pair in mine}
    assert agreement.disagreements(labels) == [("hot", 1.0)]


def test_the_estimate_is_never_certain() -> None:
    right = agreement._one_coin(np.array([[0, 0], [2, 2]]), np.array([-1, -1]))
    assert (right < 1).all() and (right > 0).all()
