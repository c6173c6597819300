"""Every format: what it holds comes back the same, and whatever else comes is told, not raised."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tutelage.datasets import formats, reading
from tutelage.datasets.example import MOST_RESPONSES, Example, ranking
from tutelage.errors import Invalid

SHARED = Path(__file__).parents[4] / "shared" / "data"
some = settings(max_examples=25)
texts = st.text("a:é\n 漢\u2028", min_size=1, max_size=6).map(lambda text: f"x{text}x") | (
    st.sampled_from(["Human:", "x\n\nAssistant: y", "</s>", '"', "\ufeff", "🤖"])
)


@st.composite
def dialogues(draw: st.DrawFn) -> list[dict[str, str]]:
    turns = draw(
        st.sampled_from([1, 3, 5]).flatmap(lambda n: st.lists(texts, min_size=n, max_size=n))
    )
    roles = ("user", "assistant")
    said = [{"role": roles[n % 2], "content": text} for n, text in enumerate(turns)]
    system = draw(st.none() | texts)
    return [{"role": "system", "content": system}, *said] if system else said


@st.composite
def rankings(draw: st.DrawFn) -> Example:
    answers = draw(st.lists(texts, min_size=2, max_size=MOST_RESPONSES, unique=True))
    worth = st.lists(st.integers(0, 4), min_size=len(answers), max_size=len(answers))
    return ranking(draw(dialogues()), answers, draw(worth.filter(lambda each: len(set(each)) > 1)))


demonstrations = st.builds(
    lambda prompt, answer: Example(prompt, (answer,), (0,)), dialogues(), texts
)
WHOLE = [("openai", demonstrations), ("oasst", demonstrations), ("oasst", rankings()),
         ("ultrafeedback", rankings())]  # fmt: skip


def there_and_back(name: str, example: Example) -> list[Example]:
    """What is read from what was written; nothing where the format cannot hold it."""
    try:
        rows = formats.named(name).write(example)
    except Invalid:
        return []
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
    assert back in ([], [example])


@pytest.mark.parametrize("name", ["hh-rlhf", "trl"])
@some
@given(example=rankings())
def test_a_ranking_comes_back_as_its_pairs(name: str, example: Example) -> None:
    back = there_and_back(name, example)
    assert [each.pairs() for each in back] in ([], [[pair] for pair in example.pairs()])
    assert all(each.prompt == example.prompt for each in back)


@pytest.mark.parametrize("name", formats.FORMATS)
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
        ({"prompt": "Hi", "chosen": "Yes", "rejected": " Yes"}, "Two answers say the same."),
        ({"prompt": "Hi", "chosen": "Yes"}, "messages is no list of objects."),
        ({"messages": [{"role": "user", "content": "Hi"}]},
         "The dialogue does not end with the assistant."),
        ({"instruction": "Hi", "completions": [{"response": "a"}, {"response": "b"}]},
         "A completion has no score."),
    ],
)  # fmt: skip
def test_the_report_says_why(row: dict[str, Any], reason: str) -> None:
    name = "trl" if "prompt" in row else None
    _, report = reading.read(json.dumps(row).encode(), name)
    assert dict(report.problems) == {reason: [1]}
    assert reason in report.lines()[1]


@pytest.mark.parametrize(
    ("file", "name", "least"),
    [("pref_hh_harmless.dev.jsonl", "hh-rlhf", 1600), ("tree_oasst_en100.dev.jsonl", "oasst", 140)],
)
def test_real_files_are_read(file: str, name: str, least: int) -> None:
    if not (SHARED / file).is_file():
        pytest.skip(f"{file} is not here")
    found, report = reading.read((SHARED / file).read_bytes(), None)
    assert report.format == name
    assert report.rankings >= least
    assert sum(map(len, report.problems.values())) < 0.05 * report.rows
    assert len({each.fingerprint for each in found}) == len(found)
