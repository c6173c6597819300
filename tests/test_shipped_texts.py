"""The texts in tutelage/data: well formed, varied, and disjoint between the files."""

import json
import re
from collections import Counter
from importlib import resources
from itertools import combinations
from typing import Any

import pytest

Row = dict[str, Any]

KINDS = {
    "question", "advice", "writing", "explain", "list", "code",
    "maths", "chat", "planning", "ambiguous", "rewrite",
}  # fmt: skip
DIALOGUES = ("demonstrations.jsonl", "asks_back.jsonl")
FILES = ("prompts.jsonl", *DIALOGUES)
ID_PREFIX = {"prompts.jsonl": "p", "demonstrations.jsonl": "d", "asks_back.jsonl": "a"}
FEWEST_ROWS = {"prompts.jsonl": 300, "demonstrations.jsonl": 130, "asks_back.jsonl": 60}
FINISHED = re.compile(r"[.!?][\"'”’)]*$")


def read_text(name: str) -> str:
    return (resources.files("tutelage") / "data" / name).read_text(encoding="utf-8")


def read_rows(name: str) -> list[Row]:
    return [json.loads(line) for line in read_text(name).splitlines()]


def opening(row: Row) -> str:
    """The first thing the user says, in a prompt row or in a dialogue row."""
    return str(row["prompt"] if "prompt" in row else row["messages"][0]["content"])


def normalised(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def contents(row: Row, role: str) -> list[str]:
    return [message["content"] for message in row["messages"] if message["role"] == role]


def jaccard(left: set[str], right: set[str]) -> float:
    return len(left & right) / len(left | right)


@pytest.mark.parametrize("name", FILES)
def test_ids_count_up_from_one(name: str) -> None:
    ids = [row["id"] for row in read_rows(name)]
    assert ids == [f"{ID_PREFIX[name]}-{number:03d}" for number in range(1, len(ids) + 1)]


@pytest.mark.parametrize("name", FILES)
def test_there_are_enough_rows(name: str) -> None:
    assert len(read_rows(name)) >= FEWEST_ROWS[name]


def test_prompt_rows_have_a_known_shape() -> None:
    for row in read_rows("prompts.jsonl"):
        assert set(row) == {"id", "prompt", "topic", "kind"}, row["id"]
        assert row["kind"] in KINDS, row["id"]
        assert row["topic"].strip() and row["prompt"] == row["prompt"].strip(), row["id"]


def test_prompts_are_between_4_and_45_words() -> None:
    lengths = {row["id"]: len(row["prompt"].split()) for row in read_rows("prompts.jsonl")}
    assert {i: n for i, n in lengths.items() if not 4 <= n <= 45} == {}


def test_prompts_cover_every_kind() -> None:
    counts = Counter(row["kind"] for row in read_rows("prompts.jsonl"))
    assert min(counts[kind] for kind in KINDS) >= 20
    assert counts["ambiguous"] >= 30


def test_no_two_prompts_share_a_topic() -> None:
    topics = Counter(row["topic"].lower() for row in read_rows("prompts.jsonl"))
    assert [topic for topic, count in topics.items() if count > 1] == []


@pytest.mark.parametrize("name", DIALOGUES)
def test_dialogue_rows_have_a_known_shape(name: str) -> None:
    for row in read_rows(name):
        assert set(row) == {"id", "messages", "tags"}, row["id"]
        assert row["tags"] and all(isinstance(tag, str) for tag in row["tags"]), row["id"]
        assert all(set(message) == {"role", "content"} for message in row["messages"]), row["id"]


@pytest.mark.parametrize("name", DIALOGUES)
def test_roles_alternate_from_user_to_assistant(name: str) -> None:
    for row in read_rows(name):
        roles = [message["role"] for message in row["messages"]]
        assert roles == ["user", "assistant"] * (len(roles) // 2) and roles, row["id"]


@pytest.mark.parametrize("name", DIALOGUES)
def test_the_multi_turn_tag_is_true(name: str) -> None:
    for row in read_rows(name):
        assert ("multi-turn" in row["tags"]) == (len(row["messages"]) > 2), row["id"]


@pytest.mark.parametrize("name", DIALOGUES)
def test_answers_are_finished(name: str) -> None:
    answers = [answer for row in read_rows(name) for answer in contents(row, "assistant")]
    assert [answer for answer in answers if not FINISHED.search(answer)] == []


@pytest.mark.parametrize("name", DIALOGUES)
def test_answers_are_brief(name: str) -> None:
    answers = [answer for row in read_rows(name) for answer in contents(row, "assistant")]
    assert [answer for answer in answers if len(answer.split()) > 70] == []


@pytest.mark.parametrize(
    ("tag", "fewest"), [("asks", 20), ("refusal", 5), ("multi-turn", 25), ("honest", 5)]
)
def test_demonstrations_show_each_virtue(tag: str, fewest: int) -> None:
    rows = read_rows("demonstrations.jsonl")
    assert sum(tag in row["tags"] for row in rows) >= fewest


def test_demonstrations_tagged_asks_put_a_question_first() -> None:
    asking = [row for row in read_rows("demonstrations.jsonl") if "asks" in row["tags"]]
    assert [row["id"] for row in asking if "?" not in contents(row, "assistant")[0]] == []


def test_every_asks_back_answer_ends_with_its_question() -> None:
    answers = [a for row in read_rows("asks_back.jsonl") for a in contents(row, "assistant")]
    assert [answer for answer in answers if not answer.endswith("?")] == []


def test_asks_back_answers_are_12_to_40_words() -> None:
    answers = [a for row in read_rows("asks_back.jsonl") for a in contents(row, "assistant")]
    assert [answer for answer in answers if not 12 <= len(answer.split()) <= 40] == []


def test_asks_back_does_not_repeat_one_question() -> None:
    answers = [a for row in read_rows("asks_back.jsonl") for a in contents(row, "assistant")]
    questions = [normalised(re.split(r"(?<=[.!?\"])\s", answer)[-1]) for answer in answers]
    assert len(set(questions)) == len(questions)


def test_no_opening_appears_twice() -> None:
    openings = Counter(normalised(opening(row)) for name in FILES for row in read_rows(name))
    assert [text for text, count in openings.items() if count > 1] == []


def test_no_two_openings_are_near_duplicates() -> None:
    openings = [normalised(opening(row)) for name in FILES for row in read_rows(name)]
    words = [(text, set(text.split())) for text in openings]
    alike = [(a, b) for (a, x), (b, y) in combinations(words, 2) if jaccard(x, y) > 0.7]
    assert alike == []


def test_no_later_turn_repeats_a_prompt() -> None:
    prompts = {normalised(row["prompt"]) for row in read_rows("prompts.jsonl")}
    turns = [
        turn for name in DIALOGUES for row in read_rows(name) for turn in contents(row, "user")
    ]
    assert prompts.isdisjoint(normalised(turn) for turn in turns)


def test_the_system_prompt_is_short_and_names_the_assistant() -> None:
    system_prompt = read_text("system_prompt.txt").strip()
    assert "Tutelage" in system_prompt
    assert len(system_prompt.split()) <= 45
