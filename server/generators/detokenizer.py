"""Incremental detokenization: text out of tokens as they come, never half a character.

``tokenizers.decoders.DecodeStream`` is not used: it withholds all text while the end does not
decode, so a response that ends in bytes that are not text would lose all of them, and a token that
holds a space and the first bytes of an emoji would be withheld with its space. Here at most the
last three characters are withheld, and only where they may still change.
"""

from collections.abc import Callable, Sequence

WINDOW = 16  # tokens that are decoded again together
CONTEXT = 4  # of them, those that stay as context when the window moves on
HALF = "\ufffd"  # what a decoder writes for bytes that are not a character, or not yet
LONGEST = 3  # bytes of an unfinished UTF-8 character, each of which may show as one HALF


class Detokenizer:
    """Decodes the tokens of one response one by one.

    More tokens can only change an unfinished character at the very end of the text, so everything
    before it is final and given out.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str], before: Sequence[int] = ()) -> None:
        """``before``: tokens that the response continues, as after them a word's space is text."""
        self._decode = decode
        self._window = list(before[-CONTEXT:])
        self._given = len(decode(self._window))  # characters of its text that were given out

    def push(self, token_id: int) -> str:
        """The text that this token completes; may be empty."""
        self._window.append(token_id)
        text = self._decode(self._window)
        final = len(text) - _unfinished(text)
        new, self._given = text[self._given : final], max(self._given, final)
        if final == len(text) and len(self._window) >= WINDOW:
            self._window = self._window[-CONTEXT:]
            self._given = len(self._decode(self._window))
        return new


def _unfinished(text: str) -> int:
    """How many characters at the end may still change."""
    return min(LONGEST, len(text) - len(text.rstrip(HALF)))
