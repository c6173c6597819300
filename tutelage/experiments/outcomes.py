"""What people make of policies in use: thumbs, rankings, regenerations, moderation, errors,
and how long they wait."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import case, exists
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, func, select

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
AT_ONCE = 10_000  # ids in one statement
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
    arms = _arms(session, both, lambda row: row.seq > experiment.seq, slow, experiment.team_id)
    return Outcomes(
        control=arms[experiment.control_id],
        challenger=arms[experiment.policy_id],
        comparisons=arm(_comparisons(session, both, experiment)),
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
    return _arms(session, policies, lambda row: row.created_at >= since)


def arm(outcomes: Iterable[Outcome]) -> Arm:
    """Outcomes gathered by person."""
    people: dict[str, list[float]] = defaultdict(list)
    for user_id, value in outcomes:
        people[user_id].append(value)
    return Arm([(len(values), sum(values)) for values in people.values()])


def _arms(
    session: Session,
    policies: Collection[str],
    is_since: Callable[[Any], Any],  # a table -> the condition that a row of it is recent
    patience: float = PATIENCE,
    team_id: str | None = None,  # only of its chats
) -> dict[str, dict[str, Arm]]:
    """The outcomes of each policy by measure; the database counts them by person."""
    found: dict[str, dict[str, Arm]] = {
        policy_id: {name: Arm([]) for name in RATES} for policy_id in policies
    }
    shown = _shown(policies, is_since, team_id)
    people: dict[tuple[str, str], list[tuple[int, float]]] = defaultdict(list)
    for policy_id, count, again, flagged, failed, timed, slow in session.exec(
        _reactions(is_since, patience).where(*shown)
    ):
        for name, of, total in (
            (REGENERATED, count, again), (FLAGGED, count, flagged), (FAILED, count, failed),
            (SLOW, timed, slow),
        ):  # fmt: skip
            if of:
                people[policy_id, name].append((of, float(total)))
    for policy_id, count, up in session.exec(_thumbs(is_since).where(*shown)):
        people[policy_id, LIKED].append((count, float(up)))
    for (policy_id, name), outcomes in people.items():
        found[policy_id][name] = Arm(outcomes)
    return found


def _shown(
    policies: Collection[str], is_since: Callable[[Any], Any], team_id: str | None
) -> list[Any]:
    """The conditions on answers of chats, but for people who did not meet a policy by chance."""
    pinned = select(PolicyPin.user_id)
    return [
        Conversation.purpose == Purpose.CHAT,  # not what was written for judges
        col(Message.policy_id).in_(policies),
        is_since(Message),
        col(Conversation.owner_id).not_in(pinned),
        *([Conversation.team_id == team_id] if team_id else []),
    ]


def _reactions(is_since: Callable[[Any], Any], patience: float) -> Any:
    """For each policy and person: answers, those asked again, flagged, failed, timed and slow."""
    acted = select(ModerationRecord.message_id).where(
        col(ModerationRecord.action).in_(("warn", "block")), is_since(ModerationRecord)
    )
    later = aliased(Message)
    again = exists().where(
        col(later.parent_id) == Message.parent_id,
        col(later.completion_id) != Message.completion_id,
        col(later.policy_id).is_not(None),
        col(later.seq) > Message.seq,
    )
    return (
        select(
            Message.policy_id, func.count(), _how_many(again),
            _how_many(col(Message.id).in_(acted)), _how_many(Message.finish_reason == "error"),
            func.count(col(Message.seconds)), _how_many(col(Message.seconds) > patience),
        )  # type: ignore[call-overload]
        .join(Conversation, col(Conversation.id) == Message.conversation_id)
        .group_by(Message.policy_id, Conversation.owner_id)
    )  # fmt: skip


def _thumbs(is_since: Callable[[Any], Any]) -> Any:
    """For each policy and person: standing thumbs, and those up."""
    return (
        select(
            Message.policy_id,
            func.count(),
            _how_many(col(Feedback.value)["value"].as_string() == "up"),
        )
        .join(Message, col(Message.id) == Feedback.target)
        .join(Conversation, col(Conversation.id) == Message.conversation_id)
        .where(Feedback.kind == FeedbackKind.THUMBS, is_since(Feedback), *feedback.standing())
        .group_by(Message.policy_id, Feedback.author_id)
    )


def _how_many(condition: Any) -> Any:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def _comparisons(
    session: Session, policies: Collection[str], experiment: Experiment
) -> Iterator[Outcome]:
    """For each ranking of both policies' answers the share of pairs that the challenger won."""
    ranked = select(Feedback).where(
        Feedback.kind == FeedbackKind.RANKING, Feedback.seq > experiment.seq, *feedback.standing()
    )
    rows = session.exec(ranked).all()
    answers = (
        select(Message.id, Message.policy_id)
        .join(Conversation)
        .where(*_shown(policies, lambda row: row.seq > experiment.seq, experiment.team_id))
    )
    ids = [each for row in rows for group in row.value.get("ranking", []) for each in group]
    policy_of: dict[str, str | None] = {}
    for start in range(0, len(ids), AT_ONCE):
        some = col(Message.id).in_(ids[start : start + AT_ONCE])
        policy_of |= dict(session.exec(answers.where(some)).all())
    for row in rows:
        won = _won(row.value.get("ranking", []), policy_of, experiment.policy_id)
        if won is not None:
            yield row.author_id, won


def _won(
    groups: list[list[str]], policy_of: Mapping[str, str | None], challenger: str
) -> float | None:
    """The share of pairs of both policies' answers that the challenger's won; None without any."""
    places = [
        (rank, policy_of[message_id] == challenger)
        for rank, group in enumerate(groups)
        for message_id in group
        if message_id in policy_of
    ]
    pairs = [(a, b) for a, mine in places if mine for b, theirs in places if not theirs]
    if not pairs:
        return None
    return sum(0.5 if a == b else float(a < b) for a, b in pairs) / len(pairs)
