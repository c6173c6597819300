"""Deobfuscation by vocabulary: restores disguised words that match a known word.

That "cocain3" means cocaine and "k i l l m y d o g" is three words follows from a vocabulary: the
encoder's own, which is ordered by frequency.
"""

import math
import re
from collections.abc import Iterator, Mapping
from itertools import groupby, product
from pathlib import Path

_TOKEN = re.compile(r"[A-Za-z0-9@$!|€]+")
_ORDINAL = re.compile(r"\d+(st|nd|rd|th|s|am|pm)", re.IGNORECASE)
_DISGUISED = re.compile(r"[0-9@$!|€]+[A-Za-z]")  # signs not only at the end
LEET = str.maketrans({
    "0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t",
    "@": "a", "$": "s", "!": "i", "|": "i", "€": "e",
})  # fmt: skip
_SHORTEST = 3  # letters of a word that is restored
_LONGEST = 24
_MOST_RUNS = 8  # repeated letters tried once and twice
_ONE_LETTER = ("a", "i")
_MORE = Path(__file__).parent / "harm_words.txt"  # words that a general vocabulary lacks
_MORE_RANK = 5_000


class Words:
    """Known words with their rank, most frequent first."""

    def __init__(self, vocabulary: Mapping[str, int]) -> None:
        """`vocabulary` gives every word its rank; rarer words have a higher one."""
        known = [word for word in vocabulary if word.isalpha() and word.isascii()]
        ordered = sorted(
            (word for word in known if len(word) > 1 or word in _ONE_LETTER),
            key=vocabulary.__getitem__,
        )
        ranks = dict.fromkeys(_MORE.read_text("utf-8").split(), _MORE_RANK)
        ranks |= {word: rank for rank, word in enumerate(ordered)}
        zipf = math.log(len(ordered) + 2)
        self._cost = {word: math.log((rank + 2) * zipf) for word, rank in ranks.items()}

    def respell(self, text: str) -> str:
        """`text` with disguised words replaced by the known words that they stand for."""
        return _TOKEN.sub(lambda token: self._restored(token.group()), text)

    def split(self, letters: str) -> str:
        """Letters without spaces, split into the most probable words (Zipf's law; Norvig 2009)."""
        lower = letters.lower()
        best: list[tuple[float, int]] = [(0.0, 0)]  # cost of what is before, where its word began
        for end in range(1, len(lower) + 1):
            begins = range(max(0, end - _LONGEST), end)
            best.append(min((best[at][0] + self._price(lower[at:end]), at) for at in begins))
        cuts, end = [], len(lower)
        while end:
            cuts.append(letters[best[end][1] : end])
            end = best[end][1]
        return " ".join(reversed(cuts))

    def _price(self, word: str) -> float:
        return self._cost.get(word, 12.0 * len(word))

    def _restored(self, token: str) -> str:
        plain = token.lower().rstrip("!|")
        if len(plain) > _LONGEST or plain in self._cost or _ORDINAL.fullmatch(plain):
            return token
        letters = sum(c.isalpha() for c in plain)
        if 2 * letters < len(plain):
            return token
        folded = plain.translate(LEET)
        if len(folded) < _SHORTEST or not folded.isalpha():
            return token
        known = [word for word in _spellings(folded) if word in self._cost]
        if known:
            return min(known, key=self._price)
        return folded if _DISGUISED.search(plain) and len(plain) - letters > 1 else token


def _spellings(word: str) -> Iterator[str]:
    """The word itself, and with its repeated letters once or twice."""
    yield word
    runs = [(letter, len(list(run))) for letter, run in groupby(word)]
    repeated = [index for index, (_, length) in enumerate(runs) if length > 1]
    if not repeated or len(repeated) > _MOST_RUNS:
        return
    for lengths in product((1, 2), repeat=len(repeated)):
        chosen = dict(zip(repeated, lengths, strict=True))
        yield "".join(letter * chosen.get(index, 1) for index, (letter, _) in enumerate(runs))
