"""Simulated people judge the same responses, each by their taste."""

from training.demo.judging import Written, judged
from training.demo.preferences import PREFERENCES
from training.demo.simulated_users import DemoPrompt, Habits, shipped_demonstrations
from training.snapshot import HELD_OUT, TRAIN

PROMPTS = [DemoPrompt(f"p{i}", f"Question number {i}?") for i in range(40)]
SHORT = "Yes, it is so because the sun warms the water and it rises as vapour."
LONG = (
    "The sun warms the water of lakes and seas until a part of it rises as vapour, which cools "
    "high above the ground, gathers into clouds around grains of dust, and falls again as rain or "
    "snow when the drops have grown too heavy for the wind to carry."
)
RESPONSES = {
    prompt.text: [Written(LONG, False), Written(SHORT, True), Written("", True)]
    for prompt in PROMPTS
}
SURE = Habits(flips=0.0)


def test_the_better_response_by_the_taste_is_ranked_first() -> None:
    brief = judged(PREFERENCES["brief"], PROMPTS, RESPONSES, SURE, 0.3)
    detailed = judged(PREFERENCES["detailed"], PROMPTS, RESPONSES, SURE, 0.3)
    assert all(row["ranks"] == [1, 0, 2] for row in brief.rankings)
    assert all(row["ranks"] == [0, 1, 2] for row in detailed.rankings)


def test_how_the_responses_were_written_is_known() -> None:
    (row, *_) = judged(PREFERENCES["brief"], PROMPTS, RESPONSES, SURE, 0.3).rankings
    assert row["finished"] == [False, True, True]
    assert row["sampling"] == [{"temperature": 0.8, "top_p": 1.0, "max_tokens": 64}] * 3


def test_a_conversation_is_on_one_side() -> None:
    found = judged(PREFERENCES["brief"], PROMPTS, RESPONSES, SURE, 0.3)
    sides = {row["id"]: row["split"] for row in found.prompts}
    assert {row["id"]: row["split"] for row in found.rankings} == sides
    assert set(sides.values()) == {TRAIN, HELD_OUT}


def test_edits_are_better_than_what_was_written_and_are_demonstrations_too() -> None:
    taste = PREFERENCES["asks-back"]
    shown = shipped_demonstrations(taste)
    responses = RESPONSES | {example.prompt.text: [Written("Well.", True)] for example in shown}
    found = judged(taste, PROMPTS, responses, SURE, 0.0)
    edits = [row for row in found.rankings if row["kind"] == "edit"]
    assert [row["responses"] for row in edits] == [[e.response, "Well."] for e in shown]
    assert all(row["ranks"] == [0, 1] for row in edits)
    assert [row["messages"][-1]["content"] for row in found.demonstrations] == [
        example.response for example in shown
    ]


def test_people_make_mistakes() -> None:
    exact = judged(PREFERENCES["brief"], PROMPTS, RESPONSES, SURE, 0.3)
    human = judged(PREFERENCES["brief"], PROMPTS, RESPONSES, Habits(flips=0.5), 0.3)
    differing = sum(
        a["ranks"] != b["ranks"] for a, b in zip(exact.rankings, human.rankings, strict=True)
    )
    assert 5 < differing < 40
