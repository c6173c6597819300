"""Names and titles of people: on one line, without characters that change what surrounds them."""

import unicodedata

_JOINERS = "\u200c\u200d"  # Persian and Indic scripts and emoji need them
_BLANKS = "\u115f\u1160\u3164\uffa0\u2800"  # fillers of Hangul and a Braille sign without dots
_BREAKS = frozenset({"Cc", "Zl", "Zp"})
_HIDDEN = frozenset({"Cf", "Cs"})
_LOOK_ALIKES = str.maketrans(
    "авекмнорстухіѕјԁԛԝһӏ" + "αεικνορτυχβγηω" + "ıɑɡɩ" + "01",
    "abekmhopctyxisjdqwhl" + "aeikvoptuxbynw" + "iagi" + "ol",
)


def single_line(text: str) -> str:
    """The text with line breaks and runs of spaces as one space.

    Control characters, bidirectional marks and other invisible characters are left out; nothing is
    left of a text in which nothing can be seen.
    """
    kinds = ((each, unicodedata.category(each)) for each in text)
    seen = (
        " "
        if kind in _BREAKS or each in _BLANKS
        else ""
        if kind in _HIDDEN and each not in _JOINERS
        else each
        for each, kind in kinds
    )
    line = " ".join("".join(seen).split())
    return line if line.strip(f" {_JOINERS}") else ""


def skeleton(name: str) -> str:
    """Equal for names that look alike: case, accents, spaces and look-alike letters.

    ``l``, ``i`` and ``1`` are one, as are ``o`` and ``0``, and the Cyrillic and Greek letters that
    look Latin.
    """
    folded = unicodedata.normalize("NFKD", single_line(name).casefold()).translate(_LOOK_ALIKES)
    letters = "".join(each for each in folded if unicodedata.category(each)[0] in "LNSP")
    return letters.replace("i", "l").replace("rn", "m") or name
