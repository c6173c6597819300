"""Why a text was flagged: the part of it that carries the score (occlusion).

Occlusion leaves out words and measures the drop of the score, so it works for any classifier, also
one behind an API (Zeiler and Fergus 2014 for images; Li, Monroe and Jurafsky 2016 for text). First
the sentence with the highest score is found, then the shortest run of its words that carries it.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from moderation.classifier import ModerationClassifier

Span = tuple[int, int]  # characters [start, end)

_SENTENCE = re.compile(r"\S.*?(?:(?<=\S[.!?…。！？])(?=\s)|\n|$)", re.DOTALL)
_WORD = re.compile(r"\S+")
_MOST_PARTS = 24  # texts classified at each of the two steps
_CARRIED = 0.5  # a part explains the finding if it has this share of the score by itself


class Explanation(NamedTuple):
    """The explanation of one category; `score` is that of the whole text, 0 to 1."""

    category: str
    score: float
    span: Span | None  # None where no single part explains it


def explain(classifier: ModerationClassifier, text: str, category: str) -> Explanation:
    """The flagged part of `text`, at the cost of classifying about fifty parts of it."""
    (whole,) = _scores(classifier, [text], category)
    sentences = _parts(_SENTENCE, text, (0, len(text)))
    if not sentences:
        return Explanation(category, whole, None)
    alone = _scores(classifier, [text[start:end] for start, end in sentences], category)
    best = max(range(len(sentences)), key=alone.__getitem__)
    if alone[best] < _CARRIED * whole:
        return Explanation(category, whole, None)
    return Explanation(category, whole, _narrowed(classifier, text, sentences[best], category))


def _narrowed(classifier: ModerationClassifier, text: str, span: Span, category: str) -> Span:
    """The run of words inside `span` from the first to the last whose removal lowers the score."""
    words = _parts(_WORD, text, span)
    if len(words) < 2:
        return span
    start, end = span
    without = [text[start:first] + text[last:end] for first, last in words]
    full, *occluded = _scores(classifier, [text[start:end], *without], category)
    drops = [full - score for score in occluded]
    telling = [word for word, drop in zip(words, drops, strict=True) if drop >= max(drops) / 2]
    run = (telling[0][0], telling[-1][1])
    (kept,) = _scores(classifier, [text[slice(*run)]], category)
    return run if max(drops) > 0 and kept >= _CARRIED * full else span


def _parts(pattern: re.Pattern[str], text: str, span: Span) -> list[Span]:
    """The matches inside `span`, with neighbours joined until at most _MOST_PARTS are left."""
    found = [match.span() for match in pattern.finditer(text, *span)]
    size = -(-len(found) // _MOST_PARTS) or 1
    groups = [found[first : first + size] for first in range(0, len(found), size)]
    return [(group[0][0], group[-1][1]) for group in groups]


def _scores(classifier: ModerationClassifier, texts: Sequence[str], category: str) -> list[float]:
    return [scores[category] for scores in classifier.classify(texts)]
