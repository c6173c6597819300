"""Unicode normalisation that restores disguised words.

It undoes full-width and styled letters (NFKC), invisible characters, stacked accents, the common
Cyrillic and Greek look-alikes, digits and signs inside words (leetspeak), letters separated by
spaces, and repeated letters. Texts in other scripts do not change.
"""

import re
import unicodedata

from moderation.encoder.deobfuscate import LEET, Words

_LOOK_ALIKES = str.maketrans(
    {
        # Cyrillic
        "а": "a", "в": "b", "е": "e", "к": "k", "м": "m", "н": "h", "о": "o", "р": "p",
        "с": "c", "т": "t", "у": "y", "х": "x", "і": "i", "ѕ": "s", "ј": "j", "ԁ": "d",
        "А": "A", "В": "B", "Е": "E", "К": "K", "М": "M", "Н": "H", "О": "O", "Р": "P",
        "С": "C", "Т": "T", "У": "Y", "Х": "X", "І": "I", "Ѕ": "S", "Ј": "J", "ԛ": "q",
        "ԝ": "w", "һ": "h", "ӏ": "l", "г": "r", "ё": "e", "п": "n", "ц": "u", "ш": "w",
        # Greek
        "α": "a", "ε": "e", "ι": "i", "κ": "k", "ν": "v", "ο": "o", "ρ": "p", "τ": "t",
        "υ": "u", "χ": "x", "η": "n", "ω": "w", "σ": "o", "β": "b", "γ": "y", "μ": "u",
        "Α": "A", "Β": "B", "Ε": "E", "Ζ": "Z", "Η": "H", "Ι": "I",
        "Κ": "K", "Μ": "M", "Ν": "N", "Ο": "O", "Ρ": "P", "Τ": "T", "Υ": "Y", "Χ": "X",
        # Latin letters that NFKC keeps
        "ı": "i", "ɑ": "a", "ɡ": "g", "ɩ": "i", "ø": "o", "đ": "d", "ł": "l",
    }
)  # fmt: skip
_SMALL_CAPITALS = str.maketrans({
    "ᴀ": "a", "ʙ": "b", "ᴄ": "c", "ᴅ": "d", "ᴇ": "e", "ꜰ": "f", "ɢ": "g", "ʜ": "h",
    "ɪ": "i", "ᴊ": "j", "ᴋ": "k", "ʟ": "l", "ᴍ": "m", "ɴ": "n", "ᴏ": "o", "ᴘ": "p",
    "ʀ": "r", "ꜱ": "s", "ᴛ": "t", "ᴜ": "u", "ᴠ": "v", "ᴡ": "w", "ʏ": "y", "ᴢ": "z",
})  # fmt: skip
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})

_LEET_INSIDE = re.compile(r"(?<=[A-Za-z])[013457@$!|€]+(?=[A-Za-z])")
_LEET_FIRST = re.compile(r"(?<![\w@$])[@$](?=[A-Za-z]{2})")
_SPACED_OUT = re.compile(r"(?<![^\W_])(?:[A-Za-z][ .\-_*]){3,}[A-Za-z](?![^\W_])")
_SEPARATOR = re.compile(r"[ .\-_*]")
_LONG_VOWEL = re.compile(r"([aeiouAEIOU])\1{2,}")
_LONG_CONSONANT = re.compile(r"([b-df-hj-np-tv-zB-DF-HJ-NP-TV-Z])\1{2,}")
_ACCENTED = re.compile(r"(?<=[A-Za-z])[\u0300-\u036f]+")
_WORD = re.compile(r"[^\W\d_]+")
_ADDRESS = re.compile(r"(?<!\S)\S*(?:://|\w@\w+\.\w)\S*")


def normalize(text: str, words: Words | None = None) -> str:
    """`text` as a human would read it. Never raises; takes time linear in the length.

    `words`, where given, also restores words by vocabulary.
    """
    plain = _without_invisible(unicodedata.normalize("NFKC", text))
    if not plain.isascii():
        plain = _without_accents(_fold_look_alikes(plain.translate(_SMALL_CAPITALS)))
    parts, end = [], 0
    for address in _ADDRESS.finditer(plain):
        parts += [_fold_disguise(plain[end : address.start()], words), address.group()]
        end = address.end()
    return "".join([*parts, _fold_disguise(plain[end:], words)])


def _without_invisible(text: str) -> str:
    """Drops format characters (zero-width, bidi, soft hyphen), controls, lone surrogates."""
    if text.isascii() and text.isprintable():
        return text
    kept = (c for c in text if c in "\n\t" or unicodedata.category(c) not in _INVISIBLE)
    return "".join(kept)


def _fold_look_alikes(text: str) -> str:
    """Replaces Cyrillic and Greek look-alikes, in words with Latin letters or among Latin words."""
    letters = _WORD.findall(text)
    latin = sum(len(word) for word in letters if any(c.isascii() for c in word))
    among_latin = 2 * latin > sum(map(len, letters))
    return _WORD.sub(lambda word: _fold_word(word.group(), among_latin), text)


def _fold_word(word: str, among_latin: bool) -> str:
    if word.isascii():
        return word
    folded = word.translate(_LOOK_ALIKES)
    mixed = any(c.isascii() for c in word)
    return folded if mixed or (among_latin and folded.isascii()) else word


def _without_accents(text: str) -> str:
    decomposed = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", _ACCENTED.sub("", decomposed))


def _fold_disguise(text: str, words: Words | None) -> str:
    """Undoes leetspeak inside words, letters separated by spaces, and repeated letters."""
    text = _LEET_INSIDE.sub(lambda signs: signs.group().translate(LEET), text)
    text = _LEET_FIRST.sub(lambda sign: sign.group().translate(LEET), text)
    text = _SPACED_OUT.sub(lambda letters: _joined(letters.group(), words), text)
    text = _LONG_VOWEL.sub(r"\1\1" if words else r"\1", text)
    text = _LONG_CONSONANT.sub(r"\1\1", text)
    return words.respell(text) if words else text


def _joined(letters: str, words: Words | None) -> str:
    """Letters that were separated by spaces, as words."""
    together = _SEPARATOR.sub("", letters)
    return words.split(together) if words else together
