"""The offending part of a text."""

from hypothesis import given
from hypothesis import strategies as st

from moderation.classifier import KeywordClassifier
from moderation.explain import explain

CLASSIFIER = KeywordClassifier({"vileword": "hate"})
CALM = "The garden is calm today and the bees are humming. "


def found(text: str) -> str | None:
    span = explain(CLASSIFIER, text, "hate").span
    return text[slice(*span)] if span else None


def test_the_offending_word_is_found_in_a_sentence() -> None:
    assert found("You are a vileword and nothing else.") == "vileword"


def test_it_is_found_in_a_long_text() -> None:
    assert found(CALM * 40 + "You vileword! " + CALM * 40) == "You vileword!"


def test_a_text_in_which_no_part_explains_it_has_no_span() -> None:
    assert found("") is None
    assert explain(KeywordClassifier({"a. b": "hate"}), "a. b", "hate").span is None


@given(st.text(max_size=200), st.text(max_size=200))
def test_a_span_lies_inside_the_text_and_holds_the_word(before: str, after: str) -> None:
    text = f"{before} vileword {after}"
    part = found(text)
    assert part is None or "vileword" in part.casefold()
