import math
from pathlib import Path

import pytest

from tutelage import jsonl

ROWS = [{"b": 1, "a": "line\u2028separator\u0085and é"}, {"a": None}]


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    jsonl.write(tmp_path / "rows.jsonl", ROWS)
    assert jsonl.read(tmp_path / "rows.jsonl") == ROWS
    assert jsonl.read_growing(tmp_path / "rows.jsonl") == ROWS
    assert (tmp_path / "rows.jsonl").read_bytes().count(b"\n") == 2


def test_keys_keep_their_order_or_are_sorted() -> None:
    assert jsonl.line({"b": 1, "a": "é"}) == '{"b": 1, "a": "é"}\n'
    assert jsonl.line({"b": 1, "a": "é"}, sort_keys=True) == '{"a": "é", "b": 1}\n'


def test_half_a_surrogate_pair_is_kept(tmp_path: Path) -> None:
    jsonl.write(tmp_path / "rows.jsonl", [{"a": "é \ud800"}])
    assert jsonl.read(tmp_path / "rows.jsonl") == [{"a": "é \ud800"}]


def test_blank_lines_and_windows_line_ends_are_read() -> None:
    assert jsonl.parse('{"a": 1}\r\n\r\n{"a": 2}\n\n') == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize("bad", ['{"a": ', "[1]", "[" * 100_000])
def test_a_whole_file_with_a_bad_line_is_an_error_that_names_it(tmp_path: Path, bad: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n' + bad)
    with pytest.raises(ValueError, match=r"rows\.jsonl: Line 2 is not"):
        jsonl.read(path)


def test_appended_rows_stand_on_lines_of_their_own(tmp_path: Path) -> None:
    for number in range(3):
        jsonl.append(tmp_path / "log.jsonl", {"n": number})
    assert jsonl.read(tmp_path / "log.jsonl") == [{"n": 0}, {"n": 1}, {"n": 2}]


@pytest.mark.parametrize("cut", range(1, 9))
def test_a_torn_line_is_lost_alone(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "log.jsonl"
    for text in ("é", "ü"):
        jsonl.append(path, {"n": text})
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) - 1 - cut])
    assert jsonl.read_growing(path) == [{"n": "é"}]
    jsonl.append(path, {"n": "later"})
    assert jsonl.read_growing(path) == [{"n": "é"}, {"n": "later"}]


def test_a_file_that_does_not_exist_yet_has_no_rows(tmp_path: Path) -> None:
    assert jsonl.read_growing(tmp_path / "log.jsonl") == []
    with pytest.raises(FileNotFoundError):
        jsonl.read(tmp_path / "log.jsonl")


def test_what_json_does_not_know_becomes_none_in_a_growing_file(tmp_path: Path) -> None:
    jsonl.append(tmp_path / "log.jsonl", {"a": math.nan, "b": -math.inf, "c": 1})
    assert jsonl.read_growing(tmp_path / "log.jsonl") == [{"a": None, "b": None, "c": 1}]
