"""Stop strings across tokens."""

import pytest

from server.generators.generator import Token
from server.generators.stop_strings import StopStrings


def passed(stop: tuple[str, ...], *texts: str) -> tuple[list[str], bool]:
    """The texts that get through, one list entry per token, and whether it stopped."""
    stops = StopStrings(stop)
    tokens = []
    for index, text in enumerate(texts):
        tokens += stops.push(Token(text, index, -1.0))
        if stops.stopped:
            break
    return [token.text for token in tokens + stops.flush()], stops.stopped


def test_without_stop_strings_everything_passes() -> None:
    assert passed((), "a", "", "b") == (["a", "", "b"], False)


def test_a_stop_string_inside_a_token_cuts_it() -> None:
    assert passed(("END",), "a", "bENDc") == (["a", "b"], True)


def test_a_stop_string_over_three_tokens_leaves_them_empty() -> None:
    assert passed(("END",), "a", "E", "N", "D", "z") == (["a", "", "", ""], True)


def test_the_first_of_several_stop_strings_counts() -> None:
    assert passed(("cd", "bc"), "abcd") == (["a"], True)


def test_an_empty_stop_string_stops_nothing() -> None:
    assert passed(("",), "a", "b") == (["a", "b"], False)


def test_a_beginning_of_a_stop_string_is_held_back_and_then_said() -> None:
    stops = StopStrings(("END",))
    assert stops.push(Token("E", 0, -1.0)) == []
    assert [token.text for token in stops.push(Token("x", 1, -1.0))] == ["E", "x"]


@pytest.mark.parametrize("text", ["aEN", "EEN", "ENEN"])
def test_what_is_held_at_the_end_is_said(text: str) -> None:
    assert "".join(passed(("END",), *text)[0]) == text


def test_a_stop_string_that_begins_within_its_own_beginning_is_found() -> None:
    assert passed(("aab",), *"aaab") == (["a", "", "", ""], True)
