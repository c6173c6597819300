"""The passage of a text where searched words are, as a result of a search shows it."""

from bisect import bisect_left

from tutelage.text.folding import fold

_PART = 1000  # characters that are folded at a time
_BEFORE, _AFTER = 30, 90  # characters shown around the end of the words


def passage(text: str, query: str) -> str:
    """Some words around the first place where ``query`` is found, on one line; "" for nowhere."""
    line, words = " ".join(text.split()), fold(query)
    width = _PART + 4 * len(words)  # a letter may be folded away: what is found may be longer
    for start in range(0, len(line), _PART):
        part = line[start : start + width]
        if words in fold(part):
            end = bisect_left(range(len(part)), True, key=lambda n: words in fold(part[:n]))
            return _around(line, start + end, len(words))
    return ""


def _around(line: str, end: int, size: int) -> str:
    first, last = max(0, end - size - _BEFORE), end + _AFTER
    if first:  # whole words
        first = line.find(" ", first, end - size) + 1 or first
    cut = line[first:last]
    if last < len(line):
        cut = cut[: max(cut.rfind(" "), end - first)]
    return f"{'…' * (first > 0)}{cut}{'…' * (last < len(line))}"
