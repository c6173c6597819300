"""Text comes out whole, token by token."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from server.generators.detokenizer import HALF, Detokenizer


def decode(tokens: Sequence[int]) -> str:
    """A tokenizer whose tokens are bytes."""
    return bytes(tokens).decode(errors="replace")


def pushed(data: bytes) -> list[str]:
    detokenizer = Detokenizer(decode)
    return [detokenizer.push(byte) for byte in data]


def test_a_character_of_four_bytes_appears_with_its_last() -> None:
    assert pushed("a🙂b".encode()) == ["a", "", "", "", "🙂", "b"]


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters=HALF), max_size=60))
def test_all_text_comes_out_and_never_half_a_character(text: str) -> None:
    pieces = pushed(text.encode())
    assert "".join(pieces) == text


@given(st.binary(max_size=80))
def test_bytes_that_are_no_text_come_out_as_decoded_but_for_an_unfinished_end(data: bytes) -> None:
    whole = decode(data)
    said = "".join(pushed(data))
    assert whole.startswith(said)
    assert set(whole[len(said) :]) <= {HALF}
    assert len(whole) - len(said) <= 3


def test_what_is_continued_decides_whether_a_word_has_its_space() -> None:
    def words(tokens: Sequence[int]) -> str:
        return "".join(f" w{token}" for token in tokens).strip()  # as sentencepiece decodes

    assert Detokenizer(words).push(7) == "w7"
    assert Detokenizer(words, [1, 2, 3, 4, 5, 6]).push(7) == " w7"
