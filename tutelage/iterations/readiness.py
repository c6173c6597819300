"""Whether there is enough consented feedback for an iteration, and exactly what is missing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from tutelage.feedback import preference_data
from tutelage.feedback.preference_data import FeedbackExample

NOTHING_CONSENTED = (
    "No conversation may be trained on: nobody has consented. People switch it on in the web UI; "
    "API keys allow it unless they were made with --no-training."
)


@dataclass(frozen=True)
class Need:
    """What an iteration of a preset needs at least."""

    comparisons: int  # pairs of answers put in order by rankings and edits
    openings: int  # different first messages: they are split into train and held-out


NEEDS = {
    "smoke": Need(comparisons=12, openings=6),
    "quick": Need(comparisons=60, openings=15),
    "standard": Need(comparisons=600, openings=100),
}


def readiness(session: Session) -> dict[str, dict[str, Any]]:
    """``{preset: {"ready": bool, "missing": [sentence, …]}}`` over what is stored now."""
    rows = preference_data.read(session)
    consented = len(rows.conversations)
    learnable = preference_data.learnable(rows)
    return {preset: _answer(missing(need, consented, learnable)) for preset, need in NEEDS.items()}


def missing(need: Need, consented: int, learnable: Sequence[FeedbackExample]) -> list[str]:
    """What is missing, a sentence each; empty when nothing is.

    ``consented`` is the number of conversations that may be trained on.
    """
    if not consented:
        return [NOTHING_CONSENTED]
    comparing = [example for example in learnable if example.comparisons]
    comparisons = sum(example.comparisons for example in comparing)
    openings = len({example.opening for example in comparing})
    sentences = []
    if comparisons < need.comparisons:
        sentences.append(
            f"{comparisons} of {need.comparisons} comparisons: rank or edit more answers."
        )
    if openings < need.openings:
        sentences.append(
            f"Comparisons on {openings} of {need.openings} different opening messages."
        )
    return sentences


def _answer(sentences: list[str]) -> dict[str, Any]:
    return {"ready": not sentences, "missing": sentences}
