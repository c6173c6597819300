"""How a stage reports its steps; the caller decides what to do with them."""

from collections.abc import Mapping
from typing import Protocol


class Progress(Protocol):
    """Called after each step of a stage: ``done`` of ``total`` steps, with the step's metrics."""

    def __call__(self, stage: str, done: int, total: int, metrics: Mapping[str, float]) -> None: ...


def silent(stage: str, done: int, total: int, metrics: Mapping[str, float]) -> None:
    """Reports nothing."""
