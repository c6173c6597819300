"""Text folded for search: equal for what people take for the same words, on every database.

Case, accents, points and invisible signs are dropped in all scripts (Unicode Standard Annex 15 and
section 3.13, full case folding). Quotation marks and dashes are the plain ones, since keyboards of
phones write others. Marks that make another letter stay: vowel signs of Indic scripts and Thai,
voicing of kana.
"""

import re
import unicodedata
from functools import lru_cache

# Canonical combining classes of signs on a letter: overlays, nukta, points of Hebrew and Arabic,
# and whatever is attached, below or above.
_SIGNS = {1, 7, *range(10, 37), *range(200, 235)}
_PLAIN = {
    "ı": "i", "ȷ": "j", "‘": "'", "’": "'", "‚": "'", "‛": "'", "ʼ": "'", "“": '"', "”": '"',
    "„": '"', "‐": "-", "‒": "-", "–": "-", "—": "-", "−": "-",
}  # fmt: skip


def fold(text: str) -> str:
    """The text as it is compared: folded, white space as single spaces."""
    if text.isascii():
        return " ".join(text.lower().split())
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    folded = unicodedata.normalize("NFC", "".join(map(_folded, decomposed)))
    return " ".join(folded.split())


@lru_cache(maxsize=65_536)
def _folded(letter: str) -> str:
    if letter.isascii():
        return letter
    if unicodedata.combining(letter) in _SIGNS or unicodedata.category(letter) == "Cf":
        return ""
    return _PLAIN.get(letter) or _without_stroke(letter)


def _without_stroke(letter: str) -> str:
    """Latin letters with strokes and hooks have no decomposition; their names say what they are."""
    base = re.match(r"(LATIN SMALL LETTER \w) WITH ", unicodedata.name(letter, ""))
    return unicodedata.lookup(base[1]) if base else letter
