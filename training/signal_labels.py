"""Weak labels: rankings that signals imply, weighed by how far people's judgements agree.

Only the side that trains is read and taught: what measures is what people said.
"""

import sys
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Generic, NamedTuple, TypeVar

from moderation.encoder.embedder import Embedder
from moderation.encoder.encoder import bundled_encoder
from moderation.encoder.similarity import Rephrasing
from training.config import SnapshotConfig
from training.snapshot import TRAIN, Row, split_of
from training.snapshot_rows import ranking
from tutelage.feedback import influence, signals
from tutelage.feedback.preference_data import FeedbackExample, Rows
from tutelage.feedback.signals import Counts, Signal, SignalAgreement, Similar

Kept = TypeVar("Kept")


def bundled_similarity() -> Similar:
    """By the encoder that ships."""
    return Rephrasing(lambda: Embedder(bundled_encoder()))


class _Implied(NamedTuple, Generic[Kept]):
    """An implied ranking without its texts, and its row."""

    example: FeedbackExample
    row: Kept


class SignalLabels(Generic[Kept]):
    """What signals imply, over the rows that are added; ``keep`` stores a row."""

    def __init__(
        self, config: SnapshotConfig, keep: Callable[[Row], Kept], similar: Similar
    ) -> None:
        self._config, self._keep, self._similar = config, keep, similar
        self._counts: list[Counts] = []
        self._implied: dict[Signal, list[_Implied[Kept]]] = {signal: [] for signal in Signal}

    def add(self, rows: Rows) -> None:
        """The signals in some conversations, which are whole."""
        for chat in signals.of_chats(rows, self._similar):
            if counts := chat.counts(self._trains):
                self._counts.append(counts)
            for signal, found in self._implied.items():
                found += [
                    self._light(signal, example)
                    for example in chat.implied(signal)
                    if example.comparisons and self._trains(example.first_user_message)
                ]

    def agreements(self) -> list[SignalAgreement]:
        """How far each signal agrees with the judgements of the side that trains."""
        return signals.agreements(self._counts)

    def chosen(self, new: AbstractSet[str], weights: Mapping[Signal, float]) -> list[Kept]:
        """The rows of the signals that have a weight, within the caps of judgements."""
        config = self._config
        rows = []
        for signal in weights:
            implied = sorted(self._implied[signal], key=lambda each: each.example.seq)
            limited = influence.limited(
                [each.example for each in implied], new, config.person_share, config.newcomer_share
            )
            kept = {example.id for example in limited}
            rows += [each.row for each in implied if each.example.id in kept]
        return rows

    def _trains(self, opening: str) -> bool:
        return split_of(opening, self._config.held_out) == TRAIN

    def _light(self, signal: Signal, example: FeedbackExample) -> _Implied[Kept]:
        row = ranking(example, TRAIN, 0.0) | {"kind": "signal", "signal": signal.value}
        light = replace(
            example, author_id=sys.intern(example.author_id), prompt=[], responses=[], sampled=[]
        )
        return _Implied(light, self._keep(row))


def weighted(row: Row, weights: Mapping[Signal, float]) -> Row:
    """The row with the weight that its signal turned out to have."""
    return row | {"weight": weights[Signal(row["signal"])]}
