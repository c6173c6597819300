"""Folding: the same words are equal, other words stay apart."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutelage.text.folding import fold


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Über", "über"),
        ("ÆRØ", "ærø"),
        ("Ærø", "Æro"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("σισυφοσ", "Σίσυφος"),
        ("ÖZGÜR", "özgür"),
        ("İSTANBUL ISPARTA", "istanbul ısparta"),
        ("é", "e\N{COMBINING ACUTE ACCENT}"),
        ("STRASSE", "straße"),
        ("Łódź", "lodz"),
        ("ЁЛКА", "елка"),
        ("شُكْراً", "شكرا"),
        ("שָׁלוֹם", "שלום"),
        ("ﬁne", "FINE"),
        ("ＡＢＣ", "abc"),
        ("ｶﾞ", "ガ"),
        ("क़लम", "कलम"),
        ("a\N{SOFT HYPHEN}b\N{ZERO WIDTH SPACE}c", "abc"),
        ("don\u2019t \u2018go\u2019", "don't 'go'"),
        ("\u201cq\u201d \u2013 r\u2014s 2\u20111", '"q" - r-s 2-1'),
        ("two\N{NO-BREAK SPACE}words\n here", "Two words here"),
    ],
)
def test_the_same_words_are_equal(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("か", "が"),
        ("कि", "कु"),
        ("ขา", "ขู"),
        ("가", "각"),
        ("и", "у"),
        ("100%", "100"),
        ("a_b", "axb"),
    ],
)
def test_other_words_stay_apart(one: str, other: str) -> None:
    assert fold(one) != fold(other)
    assert fold(one) not in fold(other)


@given(st.text())
def test_folding_once_is_enough_and_does_not_depend_on_the_form(text: str) -> None:
    once = fold(text)
    assert fold(once) == once
    assert fold(unicodedata.normalize("NFD", text)) == once
