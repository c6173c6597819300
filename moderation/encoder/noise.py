"""What an English encoder cannot read, and what would only dilute the rest of a long text."""

import re

# A letter beyond the Latin scripts; a word of at least six signs in which digits and letters mix.
_NOISE = re.compile(r"[^\W\d_a-zA-Z\u00aa-\u024f\u1e00-\u1eff]+|\S{6,}")
_SPACE = re.compile(r"[ \t]{2,}")
_HEX = re.compile(
    r"(?<![^\W_])(?:"
    r"(?:\\x[0-9a-f]{2}){4,}+"  # as in C strings
    r"|(?:(?:0x)?[0-9a-f]{2,8}+(?![^\W_])[\s,:;|-]{1,3}+){8,}+"  # as in dumps
    r"|(?:0x)?(?=[a-f]*+\d)[0-9a-f]{6,}+(?![^\W_])"
    r")",
    re.IGNORECASE | re.ASCII,
)


def without_hex(text: str) -> str:
    """The text without hexadecimal words, as people sent it: digits in words may be leetspeak."""
    return _HEX.sub(" ", text)


def without_noise(text: str) -> str:
    """The text without letters of other scripts, hexadecimal and base64 words; lines stay."""
    return _SPACE.sub(" ", _NOISE.sub(_kept, text))


def _kept(found: re.Match[str]) -> str:
    word = found[0]
    if len(word) < 6 or not word[0].isascii():
        return " "
    mixed = any(map(str.isdigit, word)) and any(map(str.isalpha, word))
    return " " if mixed else word
