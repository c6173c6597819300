"""How simulated people rank: by their taste, with ties for near-equals and honest mistakes."""

import random

from hypothesis import given
from hypothesis import strategies as st

from training.demo.simulated_users import Habits, rank

scores = st.dictionaries(st.integers(0, 7), st.floats(-3, 3), min_size=1)


@given(scores, st.integers())
def test_every_answer_gets_exactly_one_place(scores: dict[int, float], seed: int) -> None:
    groups = rank(scores, Habits(), random.Random(seed))
    assert sorted(choice for group in groups for choice in group) == sorted(scores)
    assert all(groups)


@given(scores)
def test_without_mistakes_better_answers_come_first(scores: dict[int, float]) -> None:
    groups = rank(scores, Habits(flips=0.0), random.Random(0))
    worst, best = ([pick(scores[c] for c in g) for g in groups] for pick in (min, max))
    assert all(worst[i] >= best[i + 1] for i in range(len(groups) - 1))


def test_near_equals_are_tied() -> None:
    groups = rank({0: 1.0, 1: 1.05, 2: 0.2}, Habits(flips=0.0), random.Random(0))
    assert groups == [[1, 0], [2]]


def test_neighbours_are_swapped_about_as_often_as_said() -> None:
    noise = random.Random(1)
    swapped = [rank({0: 1.0, 1: 0.0}, Habits(), noise) == [[1], [0]] for _ in range(2000)]
    assert 0.12 < sum(swapped) / 2000 < 0.18


def test_the_same_seed_makes_the_same_mistakes() -> None:
    values = {i: float(i) for i in range(5)}
    first, second = (rank(values, Habits(flips=0.5), random.Random(9)) for _ in range(2))
    assert first == second
