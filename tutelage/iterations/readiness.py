"""Whether there is enough consented feedback for an iteration, and what is missing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
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


@dataclass
class Collected:
    """What there is of it."""

    comparisons: int = 0
    first_user_messages: set[str] = field(default_factory=set)

    def add(self, examples: Iterable[FeedbackExample]) -> None:
        """Count more rankings and edits."""
        for example in examples:
            self.comparisons += example.comparisons
            self.first_user_messages.add(example.first_user_message)


NEEDS = {
    "smoke": Need(comparisons=12, first_user_messages=6),
    "quick": Need(comparisons=60, first_user_messages=15),
    "standard": Need(comparisons=600, first_user_messages=100),
}


def readiness(session: Session) -> dict[str, dict[str, Any]]:
    """``{preset: {"ready": bool, "missing": [sentence, …]}}`` over what is stored now.

    Nothing more is read once there is enough for every preset.
    """
    found = _missing(session, list(NEEDS.values()))
    return {preset: _answer(each) for preset, each in zip(NEEDS, found, strict=True)}


def missing(session: Session, preset: str, team_id: str | None = None) -> list[str]:
    """What a preset lacks, a sentence each; settings of one's own need what standard needs.

    For the policy of a team only what its members said counts.
    """
    return _missing(session, [NEEDS.get(preset, NEEDS["standard"])], team_id)[0]


def consented(session: Session, team_id: str | None = None) -> int:
    """The number of conversations of a team, or of none, that may be trained on."""
    consenting = select(func.count()).select_from(Conversation).where(Conversation.training)
    return session.exec(consenting.where(Conversation.team_id == team_id)).one()


def _missing(
    session: Session, needs: Sequence[Need], team_id: str | None = None
) -> list[list[str]]:
    chats, collected = consented(session, team_id), Collected()
    batches = preference_data.comparing(session, team_id) if chats else iter(())
    while any(found := [_sentences(need, chats, collected) for need in needs]):
        batch = next(batches, None)
        if batch is None:
            break
        collected.add(batch)
    return found


def _sentences(need: Need, chats: int, collected: Collected) -> list[str]:
    if not chats:
        return [NOTHING_CONSENTED]
    comparisons, first_user_messages = collected.comparisons, len(collected.first_user_messages)
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
