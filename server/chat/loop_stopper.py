"""Ends a response that has begun to repeat itself: small policies do so and never stop."""

from collections.abc import Hashable

LONGEST_PASSAGE = 48  # tokens
REPETITIONS = 4  # of a passage, at least


class LoopStopper:
    """Finds out whether the last ``tokens`` tokens are one passage over and over.

    A passage of at most LONGEST_PASSAGE tokens counts once it stands there REPETITIONS times, over
    ``tokens`` tokens or more. 0 finds nothing.
    """

    def __init__(self, tokens: int) -> None:
        self._tokens = tokens
        self._recent: list[Hashable] = []  # the last LONGEST_PASSAGE, newest first
        self._equal = [0] * LONGEST_PASSAGE  # by period - 1: how many tokens equal the one before

    def push(self, token: Hashable) -> bool:
        """Take the next token; whether the response loops now."""
        if not self._tokens:
            return False
        self._equal = [
            equal + 1 if earlier == token else 0
            for earlier, equal in zip(self._recent, self._equal, strict=False)
        ] + self._equal[len(self._recent) :]
        self._recent = [token, *self._recent[: LONGEST_PASSAGE - 1]]
        return any(
            equal + period >= max(self._tokens, REPETITIONS * period)
            for period, equal in enumerate(self._equal, 1)
        )
