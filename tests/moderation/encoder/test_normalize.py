"""Disguised words read as the words they imitate; ordinary texts stay what they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.encoder.normalize import normalize


@pytest.mark.parametrize(
    "disguised",
    [
        "k\u200bi\u200dll",  # zero-width
        "ki\u00adll",  # soft hyphen
        "\u202eki\u202cll",  # direction marks
        "ｋｉｌｌ",  # full width
        "𝐤𝐢𝐥𝐥",  # mathematical bold
        "кіll",  # Cyrillic look-alikes
        "ḱîl̈l̥",  # accents
        "k1ll",
        "k!ll",
        "k i l l",
        "k.i.l.l",
        "k-i-l-l",
        "kiiiiill",
    ],
)
def test_disguises_are_undone(disguised: str) -> None:
    assert normalize(disguised) == "kill"


@pytest.mark.parametrize(
    "text",
    [
        "I paid $5 for 3 apples at 10:30, ok?",
        "See https://example.com/a1b2?c=d@e or write to ann@example.com.",
        "The U.S.A. and the 4th mp3",
        "Привет, как дела?",
        "Καλημέρα σας",
        "مرحبا بالعالم",
        "你好，世界".replace("，", ","),
        "👍🏽 great!",
        "line one\n\tline two",
    ],
)
def test_ordinary_texts_are_left_alone(text: str) -> None:
    assert normalize(text) == text


@given(st.text(max_size=300))
def test_any_text_can_be_normalised(text: str) -> None:
    assert isinstance(normalize(text), str)


def test_lone_surrogates_are_dropped() -> None:
    assert normalize("a\ud800b") == "ab"
