"""Obfuscations that users try against filters; used by the moderation benchmark.

python -m moderation.training.evasions "I will kill you"
"""

import random
import sys
from collections.abc import Callable

_LOOK_ALIKES = str.maketrans("aceiopsxyABCEHKMOPTX", "асеіорѕхуАВСЕНКМОРТХ")  # Cyrillic
_GREEK = str.maketrans("aeiknoptuvx", "αεικηορτυνχ")
_LEET = str.maketrans("aeiost", "431057")
_SIGNS = str.maketrans("asie", "@$!€")
_FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
_SMALL_CAPITALS = str.maketrans("abcdeghijklmnoprtuvwyz", "ᴀʙᴄᴅᴇɢʜɪᴊᴋʟᴍɴᴏᴘʀᴛᴜᴠᴡʏᴢ")
_BOLD = {ord("a") + n: 0x1D41A + n for n in range(26)} | {
    ord("A") + n: 0x1D400 + n for n in range(26)
}
_CIRCLED = {ord("a") + n: 0x24D0 + n for n in range(26)}

Disguise = Callable[[str, random.Random], str]


def _inside(sign: str, share: float = 1.0) -> Disguise:
    """Puts `sign` between the letters of words of at least four letters."""

    def disguise(text: str, draw: random.Random) -> str:
        return " ".join(
            sign.join(word) if len(word) > 3 and draw.random() < share else word
            for word in text.split(" ")
        )

    return disguise


def _replaced(table: dict[int, int], share: float = 1.0) -> Disguise:
    def disguise(text: str, draw: random.Random) -> str:
        return "".join(c.translate(table) if draw.random() < share else c for c in text)

    return disguise


def _repeated(text: str, draw: random.Random) -> str:
    return "".join(c * draw.choice((1, 1, 3, 5)) if c.isalpha() else c for c in text)


def _accented(text: str, draw: random.Random) -> str:
    marks = "\u0301\u0308\u0327\u0336\u0332"
    return "".join(c + draw.choice(marks) * draw.randint(0, 2) if c.isalpha() else c for c in text)


def _right_to_left(text: str, _draw: random.Random) -> str:
    return "\u202e\u2066" + text + "\u2069\u202c"


DISGUISES: dict[str, Disguise] = {
    "cyrillic": _replaced(_LOOK_ALIKES),
    "greek": _replaced(_GREEK, 0.7),
    "leetspeak": _replaced(_LEET),
    "signs": _replaced(_SIGNS, 0.8),
    "full width": _replaced(_FULL_WIDTH),
    "small capitals": _replaced(_SMALL_CAPITALS),
    "bold": _replaced(_BOLD),
    "circled": _replaced(_CIRCLED),
    "zero width": _inside("\u200b"),
    "soft hyphens": _inside("\u00ad"),
    "invisible joiners": _inside("\u2060"),
    "spaced": _inside(" "),
    "dotted": _inside("."),
    "dashed": _inside("-"),
    "starred": _inside("*"),
    "underscored": _inside("_"),
    "drawn out": _repeated,
    "accents": _accented,
    "capitals": lambda text, draw: "".join(draw.choice((c, c.upper())) for c in text),
    "right to left": _right_to_left,
}


def disguised(text: str, name: str, seed: int = 0) -> str:
    """`text` in one of the DISGUISES."""
    return DISGUISES[name](text, random.Random(f"{seed}:{name}:{text}"))


if __name__ == "__main__":
    for each in DISGUISES:
        print(f"{each:18} {disguised(' '.join(sys.argv[1:]), each)}")
