"""How much one person, and new accounts together, may teach."""

from collections import Counter
from collections.abc import Iterable

import pytest

from tutelage.feedback.influence import FLOOR, PROBATION, limited, newcomers
from tutelage.feedback.preference_data import FeedbackExample
from tutelage.tables import FeedbackKind

NOW = 100 * PROBATION


def teaching(counts: dict[str, int], **told: object) -> list[FeedbackExample]:
    """As many examples of each person, in turn."""
    return [
        FeedbackExample(
            f"{who}-{n}", FeedbackKind.EDIT, "c", who, [], ["a", "b"], [0, 1], **told  # type: ignore[arg-type]
        )
        for n in range(max(counts.values()))
        for who, count in counts.items()
        if n < count
    ]  # fmt: skip


def young(new: Iterable[str] = ()) -> set[str]:
    accounts = dict.fromkeys(CROWD, 0.0) | dict.fromkeys(new, NOW - 60)
    return newcomers(accounts, NOW)


def kept(examples: list[FeedbackExample], new: set[str], *shares: float) -> Counter[str]:
    return Counter(each.author_id for each in limited(examples, new, *shares or (0.1, 0.2)))


CROWD = {f"p{n}": 10 for n in range(20)}


def test_one_person_gives_at_most_a_tenth_and_the_newest_of_theirs_stay() -> None:
    examples = teaching({"loud": 500, **CROWD})
    found = limited(examples, young(), 0.1, 0.2)
    loud = [each.id for each in found if each.author_id == "loud"]
    assert len(loud) <= 0.1 * len(found) and loud == [f"loud-{n}" for n in range(478, 500)]
    assert len(found) == 222 and found == [each for each in examples if each in found]


def test_few_people_are_not_capped_below_twice_an_equal_share() -> None:
    assert kept(teaching({"a": 600}), young())["a"] == 600
    assert kept(teaching({"a": 600, "b": 10}), young())["a"] == 600
    three = kept(teaching({"a": 600, "b": 100, "c": 100}), young())
    assert three["a"] == 400 and three["b"] == 100


def test_everybody_may_teach_a_little() -> None:
    assert kept(teaching({"a": 30, "b": 1, "c": 1, "d": 1}), young())["a"] == FLOOR


def test_new_accounts_give_a_fifth_together_dealt_out_equally() -> None:
    new = {f"n{n}" for n in range(20)}
    found = kept(teaching(CROWD | dict.fromkeys(sorted(new), 50)), young(new))
    assert sum(found[who] for who in new) == 50 and {found[who] for who in new} == {2, 3}
    assert all(found[who] == 10 for who in CROWD)


def test_where_nearly_all_are_new_nothing_holds_them_back() -> None:
    new = set(CROWD)
    assert kept(teaching(CROWD | {"old": 10}), young(new)) == Counter(CROWD | {"old": 10})


@pytest.mark.parametrize("told", [{"source": "hh"}, {"labeled": True}])
def test_imports_and_labelers_are_not_capped(told: dict[str, object]) -> None:
    assert kept(teaching({"loud": 500}, **told) + teaching(CROWD), young())["loud"] == 500


def test_a_share_of_one_turns_the_caps_off() -> None:
    counts = CROWD | {"loud": 500, "n": 90}
    assert kept(teaching(counts), young({"n"}), 1.0, 1.0) == Counter(counts)
