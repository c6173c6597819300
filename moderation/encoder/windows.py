"""Long texts in overlapping windows of token ids."""

from collections.abc import Sequence

from torch import Tensor

from moderation.categories import CATEGORIES, zero_scores

Window = tuple[int, ...]


def cut(ids: Sequence[int], ends: tuple[int, int], size: int, overlap: int) -> list[Window]:
    """`ids` in windows of at most `size` tokens, `ends` ([CLS] and [SEP]) included.

    Adjacent windows share `overlap` tokens, so that a phrase across a boundary is whole in one.
    """
    start, end = ends
    inside = size - 2
    covered = max(len(ids) - overlap, min(len(ids), 1))
    firsts = range(0, covered, inside - overlap)
    return [(start, *ids[first : first + inside], end) for first in firsts]


def highest(scores: Tensor) -> dict[str, float]:
    """The highest of the scores [windows, 13] of one text's windows; zero without windows."""
    if not len(scores):
        return zero_scores()
    return dict(zip(CATEGORIES, scores.amax(0).tolist(), strict=True))
