"""Statistics of a text, or of its tokens."""

from collections.abc import Hashable, Sequence


def repeated(words: Sequence[Hashable], size: int) -> float:
    """The share of runs of ``size`` words (or tokens) that occurred before in the same text."""
    runs = [tuple(words[i : i + size]) for i in range(len(words) - size + 1)]
    return 1 - len(set(runs)) / len(runs) if runs else 0.0
