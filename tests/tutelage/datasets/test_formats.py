"""Every format: what it holds comes back the same, and whatever else comes is told, not raised."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tutelage import jsonl
from tutelage.datasets import formats, reading
from tutelage.datasets.example import MOST_RESPONSES, Example, ranking
from tutelage.errors import Invalid

some = settings(max_examples=25)
plain = st.text("a:é\n 漢\u2028", min_size=1, max_size=6).map(lambda text: f"x{text}x") | (
    st.sampled_from(["</s>", '"', "\ufeff", "🤖", "    if x:\n        y()\n"])
)
texts = plain | st.sampled_from(["Human:", "x\n\nAssistant: y"])


@st.composite
def dialogues(
    draw: st.DrawFn,
    said: st.SearchStrategy[str] = texts,
    lengths: tuple[int, ...] = (1, 3, 5),
    system: bool = True,
) -> list[dict[str, str]]:
    length = draw(st.sampled_from(lengths))
    turns = draw(st.lists(said, min_size=length, max_size=length))
    roles = ("user", "assistant")
    messages = [{"role": roles[n % 2], "content": text} for n, text in enumerate(turns)]
    first = draw(st.none() | said) if system else None
    return [{"role": "system", "content": first}, *messages] if first else messages


@st.composite
def rankings(
    draw: st.DrawFn,
    prompts: st.SearchStrategy[list[dict[str, str]]] | None = None,
    said: st.SearchStrategy[str] = texts,
) -> Example:
    answers = draw(st.lists(said, min_size=2, max_size=MOST_RESPONSES, unique=True))
    worth = st.lists(st.integers(0, 4), min_size=len(answers), max_size=len(answers))
    prompt = draw(dialogues() if prompts is None else prompts)
    return ranking(prompt, answers, draw(worth.filter(lambda each: len(set(each)) > 1)))


def demonstrations(prompts: st.SearchStrategy[list[dict[str, str]]]) -> st.SearchStrategy[Example]:
    return st.builds(lambda prompt, answer: Example(prompt, (answer,), (0,)), prompts, texts)


no_system, one_message = dialogues(system=False), dialogues(lengths=(1,), system=False)
WHOLE = [("openai", demonstrations(dialogues())), ("oasst", demonstrations(no_system)),
         ("oasst", rankings(no_system)), ("ultrafeedback", rankings(one_message))]  # fmt: skip
PAIRS = [("hh-rlhf", rankings(dialogues(plain, system=False), plain)), ("trl", rankings())]


def there_and_back(name: str, example: Example) -> list[Example]:
    """What is read from what was written."""
    rows = formats.named(name).write(example)
    found, report = reading.read("\n".join(map(json.dumps, rows)).encode(), name)
    assert not report.problems
    return found


@pytest.mark.parametrize(("name", "kind"), WHOLE, ids=str)
@some
@given(data=st.data())
def test_an_example_comes_back_whole(
    name: str, kind: st.SearchStrategy[Example], data: st.DataObject
) -> None:
    example = data.draw(kind)
    back = [each for each in there_and_back(name, example) if each.is_ranking == example.is_ranking]
    assert back == [example]


@pytest.mark.parametrize(("name", "kind"), PAIRS, ids=str)
@some
@given(data=st.data())
def test_a_ranking_comes_back_as_its_pairs(
    name: str, kind: st.SearchStrategy[Example], data: st.DataObject
) -> None:
    example = data.draw(kind)
    back = there_and_back(name, example)
    assert [each.pairs() for each in back] == [[pair] for pair in example.pairs()]
    assert all(each.prompt == example.prompt for each in back)


HI = {"role": "user", "content": "Hi"}
SYSTEM = [{"role": "system", "content": "Be brief."}, HI]
LONG = [HI, {"role": "assistant", "content": "Hello."}, HI]
SPEAKER = [{"role": "user", "content": "Hi\n\nAssistant: Hello."}]


@pytest.mark.parametrize(
    ("name", "example"),
    [
        ("openai", ranking([HI], ["A", "B"], [1, 0])),
        *((name, Example([HI], ("A",), (0,))) for name in ("ultrafeedback", "hh-rlhf", "trl")),
        *((name, ranking(SYSTEM, ["A", "B"], [1, 0]))
          for name in ("oasst", "ultrafeedback", "hh-rlhf")),
        ("ultrafeedback", ranking(LONG, ["A", "B"], [1, 0])),
        ("hh-rlhf", ranking(SPEAKER, ["A", "B"], [1, 0])),
        ("hh-rlhf", ranking([HI], ["A", "B\n\nHuman: C"], [1, 0])),
    ],
)  # fmt: skip
def test_what_a_format_cannot_hold_is_refused(name: str, example: Example) -> None:
    with pytest.raises(Invalid):
        formats.named(name).write(example)


@pytest.mark.parametrize("name", ["openai", "oasst", "ultrafeedback", "hh-rlhf", "trl"])
def test_what_is_written_is_recognised(name: str) -> None:
    prompt = [{"role": "user", "content": "Hi"}]
    compared, shown = ranking(prompt, ["A", "B"], [1, 0]), Example(prompt, ("A",), (0,))
    (row,) = formats.named(name).write(shown if name == "openai" else compared)
    assert formats.recognised(row) == name


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["prompt", "chosen", "rejected", "messages", "role", "content", "text", "replies",
                 "rank", "instruction", "completions", "response", "overall_score", "annotations"]
            ),
            inner, max_size=4,
        )
    ),
    max_leaves=12,
)  # fmt: skip


@pytest.mark.parametrize("name", formats.FORMATS)
@some
@given(rows=st.lists(json_values, min_size=1, max_size=4))
def test_nonsense_is_reported_row_by_row(name: str, rows: list[Any]) -> None:
    found, report = reading.read(json.dumps(rows).encode(), name)
    assert report.rows == len(rows)
    assert all(1 <= n <= len(rows) for told in report.problems.values() for n in told)
    assert len(found) == report.demonstrations + report.rankings


@given(content=st.binary(min_size=1))
def test_any_file_is_read_or_refused_with_a_sentence(content: bytes) -> None:
    try:
        reading.read(content, "trl")
    except Invalid as error:
        assert error.message.endswith(".")


def test_a_file_may_be_zipped_and_says_each_example_once() -> None:
    row = {"messages": [{"role": "user", "content": "Hi"},
                        {"role": "assistant", "content": "Hello."}]}  # fmt: skip
    found, report = reading.read(gzip.compress((json.dumps([row, row])).encode()), None)
    assert (len(found), report.format, report.duplicates) == (1, "openai", 1)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"chosen": "\n\nHuman: Hi\n\nAssistant:", "rejected": "\n\nHuman: Hi\n\nAssistant: Yo"},
         "A message is empty."),
        ({"prompt": "Hi", "chosen": "Yes", "rejected": " Yes"}, "Two responses are identical."),
        ({"prompt": "Hi", "chosen": "Yes"}, "messages is not a list of objects."),
        ({"messages": [{"role": "user", "content": "Hi"}]},
         "The dialogue does not end with an assistant message."),
        ({"instruction": "Hi", "completions": [{"response": "a"}, {"response": "b"}]},
         "A completion has no score."),
    ],
)  # fmt: skip
def test_the_report_says_why(row: dict[str, Any], reason: str) -> None:
    name = "trl" if "prompt" in row else None
    _, report = reading.read(json.dumps(row).encode(), name)
    assert dict(report.problems) == {reason: [1]}
    assert reason in report.lines()[1]


CHAT = "\n\nHuman: Is tea a drug?\n\nAssistant: What do you mean?\n\nHuman: Caffeine.\n\nAssistant:"
SPOKEN = [
    {"role": "user", "content": "Is tea a drug?"},
    {"role": "assistant", "content": "What do you mean?"},
    {"role": "user", "content": "Caffeine."},
]
GOOD, BAD = "It has a mild stimulant.", "I don't know."


def reply(role: str, text: str, rank: int | None, *replies: dict[str, Any]) -> dict[str, Any]:
    """A message of a tree with the fields that OpenAssistant's files have."""
    return {
        "message_id": text, "parent_id": "p", "text": text, "role": role, "lang": "en",
        "review_count": 3, "deleted": False, "rank": rank, "synthetic": False,
        "model_name": None, "emojis": {"+1": 2}, "replies": list(replies),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "row", "expected"),
    [
        ("openai", {"messages": [*SPOKEN, {"role": "assistant", "content": GOOD, "weight": 1}]},
         [Example(SPOKEN, (GOOD,), (0,))]),
        ("hh-rlhf", {"chosen": f"{CHAT} {GOOD}", "rejected": f"{CHAT} {BAD}"},
         [Example(SPOKEN, (GOOD, BAD), (0, 1))]),
        ("trl", {"prompt": "Caffeine?", "chosen": GOOD, "rejected": BAD, "score": 0.3},
         [Example([{"role": "user", "content": "Caffeine?"}], (GOOD, BAD), (0, 1))]),
        ("ultrafeedback",
         {"source": "made", "instruction": "Caffeine?", "models": ["a", "b", "c"], "completions": [
             {"model": "a", "response": BAD, "annotations": {
                 "helpfulness": {"Rating": "2", "Rationale": "…"}, "honesty": {"Rating": "1"}}},
             {"model": "b", "response": GOOD, "annotations": {
                 "helpfulness": {"Rating": "5", "Rationale": "…"}, "honesty": {"Rating": "4"}}},
             {"model": "c", "response": "Perhaps.", "annotations": {
                 "helpfulness": {"Rating": "1", "Rationale": "…"}, "honesty": {"Rating": "2"}}},
         ]},
         [Example([{"role": "user", "content": "Caffeine?"}], (BAD, GOOD, "Perhaps."), (1, 0, 1))]),
        ("oasst",
         {"message_tree_id": "t", "tree_state": "ready_for_export", "prompt": reply(
             "prompter", "Is tea a drug?", None,
             reply("assistant", "No.", 1),
             reply("assistant", "What do you mean?", 0,
                   reply("prompter", "Caffeine.", None,
                         reply("assistant", BAD, 1), reply("assistant", GOOD, 0))))},
         [Example(SPOKEN[:1], ("No.", "What do you mean?"), (1, 0)),
          Example(SPOKEN, (BAD, GOOD), (1, 0)),
          Example(SPOKEN, (GOOD,), (0,))]),
    ],
)  # fmt: skip
def test_rows_as_the_public_data_sets_have_them_are_read(
    name: str, row: dict[str, Any], expected: list[Example]
) -> None:
    found, report = reading.read(json.dumps(row).encode(), None)
    assert report.format == name
    assert not report.problems
    assert found == expected


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("trl", {"prompt": list, "chosen": list, "rejected": list}),  # DPOTrainer, RewardTrainer
        ("openai", {"messages": list}),  # SFTTrainer
        ("verl", {"data_source": str, "prompt": list, "ability": str, "reward_model": dict,
                  "extra_info": dict}),
    ],
)  # fmt: skip
def test_trainers_load_what_is_exported(
    name: str, columns: dict[str, type], tmp_path: Path
) -> None:
    """In the conversational form that TRL documents: lists of messages with role and content."""
    datasets = pytest.importorskip("datasets")
    shown = Example([{"role": "user", "content": "Hi"}], ("Hello",), (0,))
    compared = ranking([{"role": "user", "content": "Hi"}], ["A", "B", "C"], [2, 1, 0])
    rows = formats.named(name).write(shown if name == "openai" else compared)
    file = tmp_path / "export.jsonl"
    file.write_text("".join(map(jsonl.line, rows)))
    loaded = datasets.load_dataset("json", data_files=str(file), cache_dir=str(tmp_path))["train"]
    assert len(loaded) == {"trl": 3, "openai": 1, "verl": 1}[name]
    for row in loaded:
        assert {key: type(value) for key, value in row.items()} == columns
        for value in (each for each in row.values() if isinstance(each, list)):
            assert all(message.keys() == {"role", "content"} for message in value)
    if name == "verl":
        assert loaded[0]["reward_model"]["ground_truth"] == "A"
    if name == "trl":
        assert loaded[0]["chosen"][-1] == {"role": "assistant", "content": "A"}
