"""Published comparisons are read as rankings; what is tested was never learned from."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
PANDALM = {
    "instruction": "Say it.", "input": "hello", "response1": "b", "response2": "a",
    "annotator1": 1, "annotator2": 1, "annotator3": 2,
}  # fmt: skip
TULU = {"prompt": "Say it.", "completion_a": "a", "completion_b": "b"}
HH = {
    "chosen": "\n\nHuman: Hi\n\nAssistant: Good day",
    "rejected": "\n\nHuman: Hi\n\nAssistant: What?",
}


@pytest.fixture(autouse=True)
def judged() -> Iterator[None]:
    """The benchmarks are scripts: their folder is on the path while they run."""
    sys.path.append(str(BENCHMARKS))  # last: one of them bears the name of a package
    yield
    sys.path.remove(str(BENCHMARKS))


def read(path: Path, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    from judged.sets import read

    path.write_text("\n".join(map(json.dumps, rows)))
    return list(read(path))


def test_the_majority_of_judges_ranks_two_answers(tmp_path: Path) -> None:
    (row,) = read(tmp_path / "a.jsonl", PANDALM)
    assert row["prompt"] == [{"role": "user", "content": "Say it.\n\nhello"}]
    assert dict(zip(row["responses"], row["ranks"], strict=True)) == {"b": 0, "a": 1}


def test_judges_of_one_pair_are_brought_together_whichever_side_they_saw_it_on(
    tmp_path: Path,
) -> None:
    from judged.sets import agreement

    rows = read(
        tmp_path / "a.jsonl",
        TULU | {"preference": "a-is-better", "evaluator": "x"},
        TULU
        | {
            "completion_a": "b",
            "completion_b": "a",
            "preference": "b-is-better",
            "evaluator": "y",
        },
        TULU | {"preference": "tie", "evaluator": "z"},
    )
    assert [row["ranks"] for row in rows] == [[0, 1]]
    assert agreement(rows) == 1.0


def test_without_two_judges_of_one_pair_there_is_no_agreement(tmp_path: Path) -> None:
    from judged.sets import agreement

    assert agreement(read(tmp_path / "a.jsonl", HH)) is None


def test_words_that_are_always_preferred_are_the_floor(tmp_path: Path) -> None:
    from judged import tfidf_baseline

    rows = read(tmp_path / "a.jsonl", HH, HH | {"chosen": HH["chosen"] + " indeed"})
    assert tfidf_baseline.accuracy(rows, rows) == 1.0


def test_every_ranking_is_scored_by_what_never_saw_its_opening(tmp_path: Path) -> None:
    from judged.crossed import Known, out_of_fold

    from training.reward.preferences import PreferenceExample

    def ranking(opening: str) -> Known:
        judged = PreferenceExample(opening, torch.tensor([1]), [], [], 1.0)
        return Known({}, judged, torch.zeros(2, 1))

    def scorer(train: list[Known], test: list[Known]) -> list[torch.Tensor]:
        seen = {k.judged.conversation for k in train}
        return [torch.tensor(float(k.judged.conversation in seen)) for k in test]

    rankings = [ranking(str(i // 2)) for i in range(40)]
    assert sum(map(float, out_of_fold(scorer, rankings, rankings))) == 0
