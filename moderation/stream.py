"""The stream filter: passes on a response while it is generated, and withholds harmful text.

Where a category can block, text is withheld until a window that contains it has been classified. A
check is due PACE seconds after the last one, so that text flows at any speed of generation; where
checks take long, LOAD times as long as the last one took, so that windows grow only under load. The
first check waits for about eight tokens. After a clean window, its text is released except for the
last `overlap_chars`, which the next window contains again: harm of at most that length is caught
before any of it is shown, wherever a window ends. Where nothing can block, text passes unchanged
and the response is judged once, at its end.

However fast text comes, a check is due after so many characters that windows overlap. These
boundaries depend on the text alone, not on how it was split into pushes.
"""

import re
import time
from collections.abc import Callable
from typing import NamedTuple

from moderation.classifier import ModerationClassifier
from moderation.rules import Action, SideRules, Verdict, check, judge

_SENTENCE_END = re.compile(r"""[.!?…。！？]["'”’)\]]*\s|\n""")
_GROWTH = 1.5
PACE = 0.18  # seconds between two checks, at least
LOAD = 4  # and this many times what the last check took: the filter's share of a core is bounded


class Release(NamedTuple):
    """What one push or the end of the response releases."""

    text: str  # to show now; continues what was released before
    verdict: Verdict | None = None  # push: a finding to act on (warn, block); finish: the outcome


class StreamFilter:
    """Filters one response. Not thread-safe: one filter per response, one call at a time.

    Sizes are in characters: at most `window_chars` are classified at a time, the first check comes
    after `first_chars` or a sentence of at least half of that, `overlap_chars` are held back.
    `clock` gives seconds.
    """

    def __init__(
        self,
        classifier: ModerationClassifier,
        side: SideRules,
        window_chars: int = 480,
        overlap_chars: int = 24,
        first_chars: int = 32,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._largest_step = (window_chars - overlap_chars) // 2
        if not (0 <= overlap_chars < window_chars and 0 < first_chars <= self._largest_step):
            raise ValueError("needs overlap < window and 0 < first <= (window - overlap) / 2")
        self._classifier = classifier
        self._side = side
        self._window = window_chars
        self._overlap = overlap_chars
        self._step = self._first = first_chars
        self._clock = clock
        self._due_from = 0.0  # by the clock: no sooner is the next check due by time
        self._text = ""  # all that was pushed; [:_released] was shown, [:_checked] was clean
        self._released = 0
        self._checked = 0
        self._worst: Verdict | None = None
        self._scores: dict[str, float] = {}  # category -> the highest of all windows

    @property
    def blocked(self) -> bool:
        """Whether the response was blocked: nothing more is released."""
        return self._worst is not None and self._worst.action is Action.BLOCK

    @property
    def withheld(self) -> str:
        """What was pushed and not released: the part of a blocked response that is never shown."""
        return self._text[self._released :]

    def due(self, text: str) -> bool:
        """Whether pushing this calls the classifier, which takes tens of milliseconds."""
        return self._side.blocks and not self.blocked and self._next_end(text) is not None

    def push(self, text: str) -> Release:
        """Takes the next part of the response, of any length, also empty."""
        self._text += text
        if not self._side.blocks:
            return self._release(len(self._text))
        finding = None
        cut = self._released
        while not self.blocked and (end := self._next_end()) is not None:
            finding = self._check(end) or finding
            cut = cut if self.blocked else self._safe_until(end)
        return self._release(cut)._replace(verdict=finding)

    def finish(self) -> Release:
        """Ends the response: the rest of the text, and the verdict on the whole of it.

        The verdict is None where every category is off.
        """
        if not self._side.watches:
            return self._release(len(self._text))
        if not self._side.blocks:
            span = (0, len(self._text))
            return Release("", check(self._classifier, self._text, self._side, span))
        if not self.blocked and (self._checked < len(self._text) or self._worst is None):
            self._check(len(self._text))
        rest = Release("") if self.blocked else self._release(len(self._text))
        return rest._replace(verdict=self._outcome())

    def _next_end(self, coming: str = "") -> int | None:
        """Where the next window ends: at a full step or a sentence of half a step, or now."""
        text = self._text + coming
        full = self._checked + self._step
        sentence = _SENTENCE_END.search(text, self._checked + self._step // 2, full)
        if sentence is not None:
            return sentence.end()
        if len(text) >= full:
            return full
        return len(text) if self._due_by_time(text) else None

    def _due_by_time(self, text: str) -> bool:
        """Whether a check is due that would release something."""
        something = len(text) > max(self._checked, self._released + self._overlap)
        return something and len(text) >= self._first and self._clock() >= self._due_from

    def _check(self, end: int) -> Verdict | None:
        """Classifies the window that ends at `end`; a verdict if it is worse than any before."""
        began, start = self._clock(), max(0, end - self._window)
        verdict = check(self._classifier, self._text[start:end], self._side, (start, end))
        self._due_from = began + max(PACE, LOAD * (self._clock() - began))
        self._checked = end
        self._step = min(int(self._step * _GROWTH), self._largest_step)
        for category, score in verdict.scores.items():
            self._scores[category] = max(score, self._scores.get(category, 0.0))
        worse = self._worst is None or verdict.action.severity > self._worst.action.severity
        if worse:
            self._worst = verdict
        return verdict if worse and verdict.action in (Action.WARN, Action.BLOCK) else None

    def _safe_until(self, end: int) -> int:
        """How far text may be shown once the window that ends at `end` was found clean."""
        return max(self._released, end - self._overlap)

    def _release(self, cut: int) -> Release:
        released = Release(self._text[self._released : cut])
        self._released = max(cut, self._released)
        return released

    def _outcome(self) -> Verdict | None:
        """The worst window's span and failure, with every category's highest score."""
        worst = self._worst
        if worst is None or worst.failed:
            return worst
        return judge(self._scores, self._side, worst.classifier_version, worst.span)
