"""The rubrics like what they say they like, and nothing that a policy could cheat with."""

import json
from importlib import resources

import pytest

from training.demo.preferences import PREFERENCES, asks_back, brief, fluency, plain, reading_ease

BRIEF = "Boil the eggs for nine minutes, then cool them in cold water so that they peel easily."
LONG = " ".join(f"Then you take part {i} of the shelf and fix it to the wall." for i in range(12))
CUT = "Boil the eggs for nine minutes, then cool them in cold water so that they"
SALAD = "purple harmonica seventeen concrete justice velocity mango parliament triangle sorrow tin"
LOOP = "You can do it. You can do it. You can do it. You can do it. You can do it. You can do it."
CHEATS = ["", ".", "?", "Yes.", SALAD + ".", LOOP, "the of and to a in is it you that he was for."]
ASKS = "Boil them for nine minutes and cool them quickly. How many eggs do you have?"


def demonstrations(name: str) -> list[str]:
    """The first answers of a shipped file."""
    text = (resources.files("tutelage") / "data" / name).read_text("utf-8")
    return [json.loads(line)["messages"][1]["content"] for line in text.splitlines()]


@pytest.mark.parametrize("cheat", [*CHEATS, LONG, CUT])
def test_brief_likes_a_brief_finished_answer_best(cheat: str) -> None:
    assert brief(BRIEF) > brief(cheat) + 0.3


@pytest.mark.parametrize("cheat", CHEATS)
def test_plain_is_not_cheated(cheat: str) -> None:
    assert plain(BRIEF) > plain(cheat) + 0.3


def test_plain_likes_short_words_and_sentences() -> None:
    pompous = (
        "Considerable deliberation regarding alternative methodologies necessitates establishing "
        "comprehensive organisational procedures beforehand, notwithstanding administrative cost."
    )
    assert plain(BRIEF) > plain(pompous) + 1


@pytest.mark.parametrize("cheat", [*CHEATS, BRIEF, "How are you?", "Do you want to know?", LONG])
def test_asks_back_wants_an_answer_and_a_question(cheat: str) -> None:
    assert asks_back(ASKS) > asks_back(cheat) + 0.3


def test_the_shipped_demonstrations_of_asking_back_are_liked() -> None:
    liked = [asks_back(answer) > 0.5 for answer in demonstrations("asks_back.jsonl")]
    assert sum(liked) >= 0.9 * len(liked)


def test_ordinary_english_is_fluent() -> None:
    answers = demonstrations("demonstrations.jsonl")
    assert sum(fluency(answer) > -0.25 for answer in answers) >= 0.9 * len(answers)


@pytest.mark.parametrize("cheat", [SALAD, LOOP, "", "#### ~~ |x| {} <> 3_4 ## $$"])
def test_what_is_no_english_is_not_fluent(cheat: str) -> None:
    assert fluency(cheat) < -0.5


def test_reading_ease_follows_the_formula_with_ten_ordinary_words() -> None:
    # 6 words, 1 sentence, 6 syllables; and 10 words, 10 / 13 sentences, 14 syllables
    expected = 206.835 - 1.015 * 16 / (1 + 10 / 13) - 84.6 * 20 / 16
    assert reading_ease("The cat sat on the mat.") == pytest.approx(expected)


def test_a_single_word_is_neither_plain_nor_hard() -> None:
    assert abs(reading_ease("Yes.") - reading_ease("Deafening.")) < 25


@pytest.mark.parametrize("name", sorted(PREFERENCES))
def test_every_preference_scores_any_text(name: str) -> None:
    for text in ("", " ", "\n", "…", "1. a\n2. b", "é" * 50, "?" * 50):
        assert -8 < PREFERENCES[name].score(text) < 4
