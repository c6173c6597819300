"""Whether there is enough consented feedback for an iteration, and what is missing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from tutelage.feedback import preference_data
from tutelage.feedback.preference_data import FeedbackExample

NOTHING_CONSENTED = (
    "No training data: no conversation allows training yet. Users turn it on in the chat; API keys "
    "allow it unless they were created with --no-training."
)


@dataclass(frozen=True)
class Need:
    """The minimum that an iteration of a preset needs."""

    comparisons: int  # ordered pairs of responses, from rankings and edits
    first_user_messages: int  # distinct ones: they are split into train and held-out


NEEDS = {
    "smoke": Need(comparisons=12, first_user_messages=6),
    "quick": Need(comparisons=60, first_user_messages=15),
    "standard": Need(comparisons=600, first_user_messages=100),
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
    first_user_messages = len({example.first_user_message for example in comparing})
    sentences = []
    if comparisons < need.comparisons:
        sentences.append(
            f"{comparisons} of {need.comparisons} comparisons collected (from rankings and edits)."
        )
    if first_user_messages < need.first_user_messages:
        sentences.append(
            f"{first_user_messages} of {need.first_user_messages} distinct first prompts covered."
        )
    return sentences


def _answer(sentences: list[str]) -> dict[str, Any]:
    return {"ready": not sentences, "missing": sentences}
