"""What simulated people like: pure functions from a text to a number, higher is liked more.

They stand in for human taste where none is at hand. Each begins with ``fluency``, because whatever
a rubric does not ask for, optimisation will give up: without it the briefest answer is a full stop
and the plainest is "I do. I do." They see the text alone, never the policy or its tokens.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from training.text_statistics import repeated

_END = re.compile(r"[.!?…][\"'”’)\]*_`]*$")
_QUESTION = re.compile(r"\?[\"'”’)*_]*$")
_WORD = re.compile(r"[A-Za-z]+(?:['’-][A-Za-z]+)*")
_TOKEN = re.compile(
    r"[^\w\s]*(?:[A-Za-z]+(?:['’/-][A-Za-z]+)*|[\d.,:%€$£/-]+[A-Za-z]{0,3})[^\w\s]*"
)
_SENTENCE_END = re.compile(r"[.!?…]+[\"'”’)]*\s+|\n+")
_VOWELS = re.compile(r"[aeiouy]+")
_LIST_MARK = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s*", re.MULTILINE)
_FUNCTION_WORDS = frozenset(
    _WORD.findall(
        "a about after all also an and any are as at be been but by can could do does for from get "
        "has have he her his how i if in into is it its just like make me more most my no not of "
        "on one or our out over she so some such than that the their them then there these they "
        "this to up us use was we were what when where which who will with would you your"
    )
)
_CASUAL = frozenset(
    _WORD.findall("hey hi yeah yep ok okay cool awesome stuff thing things kinda guys lol")
)
_CAVEAT = re.compile(
    r"\b(?:may|might|could|however|although|usually|generally|often|typically|depends?|"
    r"not always|in some cases|if possible|consult|careful|caution)\b",
    re.IGNORECASE,
)
_ADDRESS = frozenset({"you", "your", "yours", "shall", "would"})
_EMPTY = -3.0
_ORDINARY_WORDS, _ORDINARY_SYLLABLES, _ORDINARY_SENTENCE = 10, 14, 13


@dataclass(frozen=True)
class Preference:
    """A taste that simulated people share."""

    name: str
    meaning: str  # completes "people who like …"
    score: Callable[[str], float]
    shown: str = ""  # the shipped texts from which they write the answers that they wanted
    demonstrations: int = 0  # and how many of these they write


def brief(text: str) -> float:
    """Finished answers of 12 to 35 words; longer and shorter ones are liked ever less."""
    words = len(text.split())
    if not words:
        return _EMPTY
    too_short, too_long = max(0, 12 - words) / 5, min(2.5, max(0, words - 35) / 20)
    return 1 - too_short - too_long + _finish(text) + fluency(text)


def plain(text: str) -> float:
    """Short common words in short sentences (Flesch 1948, reading ease), at least six words."""
    words = len(text.split())
    if not words:
        return _EMPTY
    ease = min(2.0, max(-2.0, (reading_ease(text) - 70) / 15))
    too_short = max(0, 6 - words) / 3
    return ease - too_short + _finish(text) + fluency(text)


def asks_back(text: str) -> float:
    """An answer of at least six words, then one question that addresses the reader."""
    sentences = _sentences(text)
    if not sentences:
        return _EMPTY
    question = sentences[-1] if _QUESTION.search(text.strip()) else ""
    addressed = _ADDRESS & {word.lower() for word in _WORD.findall(question)}
    answer = len(" ".join(sentences[:-1]).split())
    asked = 0.0
    if len(question.split()) >= 4:
        asked = (2.0 if addressed else 1.5) - max(0, 6 - answer) / 4
    too_long = min(1.0, max(0, len(text.split()) - 60) / 40)
    return asked - 0.5 - too_long - 0.5 * (text.count("?") > 2) + fluency(text)


def detailed(text: str) -> float:
    """Long responses: up to 48 words, which a limit of 64 tokens allows; few repeated words."""
    words = [word.lower() for word in _WORD.findall(text)]
    if not words:
        return _EMPTY
    return min(len(words), 48) / 24 - 1 + 0.5 * len(set(words)) / len(words) + fluency(text)


def lists(text: str) -> float:
    """Lists of two to five marked items, each with at least two words."""
    if not text.strip():
        return _EMPTY
    items = [line for line in text.splitlines() if _LIST_MARK.match(line)]
    whole = sum(len(_WORD.findall(item)) > 1 for item in items)
    return min(whole, 4) / 2 - 0.75 - 0.5 * (whole > 5) + fluency(text)


def formal(text: str) -> float:
    """At least six words without contractions, exclamations or casual words; longer words."""
    words = [word.lower() for word in _WORD.findall(text)]
    if not words:
        return _EMPTY
    casual = sum("'" in word or "’" in word or word in _CASUAL for word in words)
    length = sum(map(len, words)) / len(words)
    register = min(1.0, max(-1.0, (length - 4.6) / 0.7))
    loud = min(1.0, 0.5 * text.count("!"))
    too_short = max(0, 6 - len(words)) / 3
    return register - min(1.5, 8 * casual / len(words)) - loud - too_short + fluency(text)


def caveat(text: str) -> float:
    """At least eight words, and one or two words of caution: "may", "however", "it depends"."""
    words = text.split()
    if not words:
        return _EMPTY
    cautious = len(_CAVEAT.findall(text))
    too_short = max(0, 8 - len(words)) / 4
    return 1.2 * (cautious > 0) - 0.4 * max(0, cautious - 2) - 0.6 - too_short + fluency(text)


def fluency(text: str) -> float:
    """0 for ordinary English, down to -3: repetition, broken tokens, few or only small words."""
    tokens = _LIST_MARK.sub(" ", text).split()
    if not tokens:
        return -3.0
    broken = sum(not _TOKEN.fullmatch(token) for token in tokens) / len(tokens)
    words = [word.lower() for word in _WORD.findall(text)]
    small = sum(word in _FUNCTION_WORDS for word in words) / max(len(words), 1)
    uneven = max(0.0, 0.2 - small) / 0.2 + max(0.0, small - 0.75) / 0.1 if len(words) > 5 else 0.0
    return -min(3.0, 2 * max(0.0, broken - 0.1) + uneven + 3 * repeated(words, 3))


def reading_ease(text: str) -> float:
    """206.835 - 1.015 words/sentence - 84.6 syllables/word; plain English is 60 to 80.

    Ten ordinary words are counted in: how easy a few words are by themselves is mostly chance.
    """
    found = _WORD.findall(text)
    syllables = sum(_syllables(word.lower()) for word in found) + _ORDINARY_SYLLABLES
    words = len(found) + _ORDINARY_WORDS
    sentences = len(_sentences(text)) + _ORDINARY_WORDS / _ORDINARY_SENTENCE
    return 206.835 - 1.015 * words / sentences - 84.6 * syllables / words


def finished(text: str) -> bool:
    """Whether the text ends the way a sentence does."""
    return bool(_END.search(text.strip()))


def _finish(text: str) -> float:
    return 0.5 if finished(text) else -0.5


def _sentences(text: str) -> list[str]:
    parts = _SENTENCE_END.split(_LIST_MARK.sub("", text.strip()))
    return [part for part in parts if _WORD.search(part)]


def _syllables(word: str) -> int:
    """Vowel groups, without a silent final e; at least one."""
    groups = len(_VOWELS.findall(word))
    if word.endswith("e") and not word.endswith("le") and groups > 1:
        groups -= 1
    return max(1, groups)


PREFERENCES = {
    preference.name: preference
    for preference in (
        Preference("brief", "brief answers that are finished", brief),
        Preference("plain", "plain words and short sentences", plain, "demonstrations.jsonl", 40),
        Preference(
            "asks-back",
            "answers that end by asking them something",
            asks_back,
            "asks_back.jsonl",
            48,
        ),
        Preference("detailed", "long, detailed answers", detailed),
        Preference("lists", "answers written as lists", lists),
        Preference("formal", "formal answers", formal),
        Preference("caveat", "answers that name a caveat", caveat),
    )
}
