"""What people make of policies in use: thumbs, rankings, regenerations, moderation, errors,
and how long they wait."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from sqlmodel import Session, col, select

from tutelage.experiments.sequential import Arm
from tutelage.feedback import feedback
from tutelage.tables import (
    Conversation,
    Experiment,
    Feedback,
    FeedbackKind,
    Message,
    ModerationRecord,
    PolicyPin,
    Purpose,
    ShadowResponse,
)

LIKED, REGENERATED, FLAGGED, FAILED = "liked", "regenerated", "flagged", "failed"
SLOW, COMPARISONS, SCORED = "slow", "duels", "scored"
GOALS, GUARDS = (LIKED, COMPARISONS), (REGENERATED, FLAGGED, FAILED, SLOW)
RATES = (LIKED, *GUARDS)
NAMES = {
    LIKED: "Thumbs-up rate",
    REGENERATED: "Regeneration rate",
    FLAGGED: "Moderation rate",
    FAILED: "Error rate",
    SLOW: "Slow response rate",
    COMPARISONS: "Pairwise win rate",
    SCORED: "Reward-model win rate",
}
RECENT, FEW = 500, 20  # answers by which it is known how long one usually waits
PATIENCE = 60.0  # seconds, where too few are known
_COUNTED = (FeedbackKind.THUMBS, FeedbackKind.RANKING, FeedbackKind.WITHDRAWAL)
Outcome = tuple[str, float]  # user id, 0 to 1


@dataclass(frozen=True)
class Outcomes:
    """Both arms by measure, and the duels between them."""

    control: dict[str, Arm]
    challenger: dict[str, Arm]
    comparisons: Arm


def read(session: Session, experiment: Experiment) -> Outcomes:
    """Everything said since the experiment began, of what its two policies answered."""
    both = (experiment.control_id, experiment.policy_id)
    slow = float(experiment.rules.get("slow") or PATIENCE)
    seen = _Seen(session, both, lambda row: row.seq > experiment.seq, slow)
    return Outcomes(
        control=seen.arm(experiment.control_id),
        challenger=seen.arm(experiment.policy_id),
        comparisons=arm(seen.comparisons(experiment.policy_id)),
    )


def scored_shadows(session: Session, experiment: Experiment) -> Arm:
    """Of a shadow's answers, whether the reward model scores them above those that were shown."""
    statement = (
        select(Conversation.owner_id, ShadowResponse.score, ShadowResponse.shown_score)
        .join(Message, col(ShadowResponse.message_id) == col(Message.id))
        .join(Conversation)
        .where(ShadowResponse.experiment_id == experiment.id)
        .where(col(ShadowResponse.score).is_not(None))
    )
    return arm(
        (owner, 0.5 if mine == shown else float(mine > shown))
        for owner, mine, shown in session.exec(statement)
        if mine is not None and shown is not None
    )


def unjudged_shadows(session: Session, experiment_id: str) -> list[tuple[ShadowResponse, Message]]:
    """Shadow answers that no reward model has scored, with what was shown instead."""
    statement = (
        select(ShadowResponse, Message)
        .join(Message)
        .where(ShadowResponse.experiment_id == experiment_id, col(ShadowResponse.score).is_(None))
    )
    return list(session.exec(statement.order_by(col(ShadowResponse.seq))))


def patience(session: Session, policy_id: str) -> float:
    """Seconds after which an answer took too long: twice what nine in ten of a policy's took."""
    timed = (
        select(Message.seconds)
        .where(Message.policy_id == policy_id, col(Message.seconds).is_not(None))
        .order_by(col(Message.seq).desc())
        .limit(RECENT)
    )
    seconds = [value for value in session.exec(timed) if value is not None]
    return 2 * float(np.quantile(seconds, 0.9)) if len(seconds) >= FEW else PATIENCE


def by_policy(
    session: Session, policies: Collection[str], since: float
) -> dict[str, dict[str, Arm]]:
    """What people made of each of these policies' answers since then, by measure."""
    seen = _Seen(session, policies, lambda row: row.created_at >= since)
    return {policy_id: seen.arm(policy_id) for policy_id in policies}


def arm(outcomes: Iterable[Outcome]) -> Arm:
    """Outcomes gathered by person."""
    people: dict[str, list[float]] = defaultdict(list)
    for user_id, value in outcomes:
        people[user_id].append(value)
    return Arm([(len(values), sum(values)) for values in people.values()])


class _Answer(NamedTuple):
    """A response without its text."""

    id: str
    owner_id: str
    policy_id: str | None
    parent_id: str | None
    completion_id: str | None
    finish_reason: str | None
    seconds: float | None
    seq: int


class _Seen:
    """The answers of some policies since then, and what is known of them."""

    def __init__(
        self,
        session: Session,
        policies: Collection[str],
        is_since: Callable[[Any], Any],  # a table -> the condition that a row of it is recent
        patience: float = PATIENCE,
    ) -> None:
        answers = (
            select(
                Message.id, Conversation.owner_id, Message.policy_id, Message.parent_id,
                Message.completion_id, Message.finish_reason, Message.seconds, Message.seq,
            )  # type: ignore[call-overload, misc]
            .join(Conversation)
            .where(Conversation.purpose == Purpose.CHAT)  # not what was written for judges
            .where(col(Message.policy_id).in_(policies), is_since(Message))
        )  # fmt: skip
        pinned = set(session.exec(select(PolicyPin.user_id)))  # not there by chance
        found = [_Answer(*row) for row in session.exec(answers)]
        self.messages = {row.id: row for row in found if row.owner_id not in pinned}
        said = select(Feedback).where(is_since(Feedback), col(Feedback.kind).in_(_COUNTED))
        self.feedback = feedback.effective(session.exec(said))
        acted = select(ModerationRecord.message_id).where(
            col(ModerationRecord.action).in_(("warn", "block")),
            is_since(ModerationRecord),
        )
        self.flagged = set(session.exec(acted))
        self.patience = patience

    def arm(self, policy_id: str) -> dict[str, Arm]:
        """The outcomes of one policy by measure."""
        own = [m for m in self.messages.values() if m.policy_id == policy_id]
        again = self._asked_again
        return {
            LIKED: arm(self._thumbs(policy_id)),
            REGENERATED: arm((m.owner_id, float(m.id in again)) for m in own),
            FLAGGED: arm((m.owner_id, float(m.id in self.flagged)) for m in own),
            FAILED: arm((m.owner_id, float(m.finish_reason == "error")) for m in own),
            SLOW: arm(
                (m.owner_id, float(m.seconds > self.patience)) for m in own if m.seconds is not None
            ),
        }

    def comparisons(self, challenger: str) -> list[Outcome]:
        """For each ranking of both policies' answers the share of pairs that the challenger won."""
        return [
            (row.author_id, won)
            for row in self.feedback
            if row.kind == FeedbackKind.RANKING
            and (won := self._won(row.value.get("ranking", []), challenger)) is not None
        ]

    def _thumbs(self, policy_id: str) -> list[Outcome]:
        return [
            (row.author_id, float(row.value.get("value") == "up"))
            for row in self.feedback
            if row.kind == FeedbackKind.THUMBS
            and row.target in self.messages
            and self.messages[row.target].policy_id == policy_id
        ]

    @cached_property
    def _asked_again(self) -> set[str]:
        """Answers whose prompt was answered once more by a later completion."""
        siblings: dict[str | None, list[_Answer]] = defaultdict(list)
        for message in self.messages.values():
            siblings[message.parent_id].append(message)
        again = set()
        for rows in siblings.values():
            last = max(rows, key=lambda message: message.seq).completion_id
            again |= {message.id for message in rows if message.completion_id != last}
        return again

    def _won(self, groups: list[list[str]], challenger: str) -> float | None:
        places = [
            (rank, self.messages[message_id].policy_id == challenger)
            for rank, group in enumerate(groups)
            for message_id in group
            if message_id in self.messages
        ]
        pairs = [(a, b) for a, mine in places if mine for b, theirs in places if not theirs]
        if not pairs:
            return None
        return sum(0.5 if a == b else float(a < b) for a, b in pairs) / len(pairs)
