"""Names and titles on one line, and names that look alike."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutelage.text.single_line import single_line, skeleton


def test_breaks_and_bidirectional_marks_are_taken_out() -> None:
    assert single_line("Pay\u202e cod.exe\r\nSet-Cookie: x\u2028y\x1b[31m") == (
        "Pay cod.exe Set-Cookie: x y [31m"
    )
    assert single_line("می\u200cخواهم 👩\u200d🔬") == "می\u200cخواهم 👩\u200d🔬"


@pytest.mark.parametrize("text", ["\u3164", " \u200d\u200c ", "\u2800\t\uffa0", "\u115f\u1160"])
def test_what_cannot_be_seen_is_nothing(text: str) -> None:
    assert single_line(text) == ""


@given(st.text())
def test_any_text_becomes_one_line_and_stays_it(text: str) -> None:
    line = single_line(text)
    assert single_line(line) == line and len(line.splitlines()) <= 1


@pytest.mark.parametrize(
    ("name", "imitation"),
    [("Paypal", "РаураІ"), ("admin", "Adm\u200bin"), ("Anna", "Ａｎｎａ"), ("bill", "b1ll"),
     ("René", "rene")],
)  # fmt: skip
def test_names_that_look_alike_have_one_skeleton(name: str, imitation: str) -> None:
    assert skeleton(name) == skeleton(imitation)


def test_other_names_stay_apart() -> None:
    assert len({skeleton(name) for name in ("Ada", "Adam", "ann-a", "anna", "李雷", "李磊")}) == 6
