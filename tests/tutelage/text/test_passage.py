"""What a search found is shown with the words around it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutelage.text.folding import fold
from tutelage.text.passage import passage


@pytest.mark.parametrize(
    ("text", "query", "found"),
    [
        ("Soak the quinoa overnight.", "QUINOA", "Soak the quinoa overnight."),
        ("Un café crème,\nplease", "cafe creme, please", "Un café crème, please"),
        ("nothing of it", "quinoa", ""),
        ("word " * 500 + "Straße" + " word" * 500, "strasse", None),
        ("word " * 6000 + "don’t", "don't", None),
    ],
)
def test_the_words_are_shown(text: str, query: str, found: str | None) -> None:
    shown = passage(text, query)
    assert shown == found or (found is None and fold(query) in fold(shown) and len(shown) < 140)


@given(st.text(min_size=1, max_size=40), st.text(max_size=1500), st.text(max_size=1500))
def test_what_is_there_is_found(query: str, before: str, after: str) -> None:
    text = f"{before} {query} {after}"
    if fold(query) and fold(query) in fold(text):
        assert fold(query) in fold(passage(text, query))
