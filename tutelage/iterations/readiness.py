"""Whether there is enough consented feedback for an iteration, and what is missing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, func, select

from tutelage.feedback import preference_data
from tutelage.feedback.preference_data import FeedbackExample
from tutelage.tables import Conversation

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
    """``{preset: {"ready": bool, "missing": [sentence, …]}}`` over what is stored now.

    Nothing more is read once there is enough for every preset.
    """
    consenting = select(func.count()).select_from(Conversation).where(Conversation.training)
    consented = session.exec(consenting).one()
    collected: list[FeedbackExample] = []
    batches = preference_data.comparing(session) if consented else iter(())
    while any(found := [missing(need, consented, collected) for need in NEEDS.values()]):
        batch = next(batches, None)
        if batch is None:
            break
        collected += batch
    return {preset: _answer(each) for preset, each in zip(NEEDS, found, strict=True)}


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
