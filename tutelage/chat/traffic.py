"""What the service does over time: requests, tokens, waiting times, moderation, judgements.

Counted from the stored rows, so that every number can be taken apart into the answers behind it,
several servers count as one, and a restart forgets nothing. What was erased no longer counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from sqlalchemy import exists
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, func, select

from tutelage.tables import (
    Conversation,
    Feedback,
    FeedbackKind,
    Message,
    ModerationRecord,
    Purpose,
    place_of,
)

ACTED = ("warn", "block")
BROKEN = "error"
_NANOSECONDS = 1_000_000_000


class Kind(StrEnum):
    """Of which answers one wants to see the list."""

    ALL = "all"
    FLAGGED = "flagged"  # moderation warned of it or blocked it
    FAILED = "failed"  # it broke off
    REGENERATED = "regenerated"  # its prompt was answered once more


@dataclass(frozen=True)
class ServedResponse:
    """One answer without its text."""

    id: str
    at: float
    completion_id: str | None
    conversation_id: str
    policy_id: str | None
    prompt_tokens: int
    tokens: int
    choice: int | None
    finish_reason: str | None
    first_text_seconds: float | None
    seconds: float | None
    action: str | None


@dataclass(frozen=True)
class QuantileSummary:
    """A waiting time of the responses that showed text: median and 95th percentile, in seconds."""

    median: float
    p95: float


@dataclass(frozen=True)
class Window:
    """What happened from ``at`` until the next window."""

    at: float
    requests: int
    answers: int
    prompt_tokens: int
    response_tokens: int
    first_text: QuantileSummary | None
    seconds: QuantileSummary | None
    flagged_prompts: int
    flagged_answers: int
    failed: int
    judgements: int


def answers(
    session: Session,
    since: float,
    until: float,
    *,
    policy_id: str | None = None,
    kind: Kind = Kind.ALL,
    after: str | None = None,
    limit: int | None = None,
) -> list[ServedResponse]:
    """Answers of chats; with a limit the newest first.

    ``after`` is the last id of the page before.
    """
    logprobs = func.coalesce(
        func.json_array_length(Message.logprobs), func.json_array_length(Message.token_ids), 0
    )
    statement = (
        select(
            Message.id, Message.created_at, Message.completion_id, Message.conversation_id,
            Message.policy_id, Message.prompt_tokens, logprobs, Message.choice,
            Message.finish_reason, Message.first_text_seconds, Message.seconds,
            ModerationRecord.action,
        )  # type: ignore[call-overload, misc]
        .join(Conversation, col(Conversation.id) == Message.conversation_id)
        .outerjoin(ModerationRecord, col(ModerationRecord.message_id) == Message.id)
        .where(Message.role == "assistant", Conversation.purpose == Purpose.CHAT)
        .where(*_between(Message.id, "msg", since, until))
    )  # fmt: skip
    if limit:  # without it the database would walk all messages in their order
        statement = statement.order_by(col(Message.seq).desc()).limit(limit)
    if policy_id:
        statement = statement.where(Message.policy_id == policy_id)
    if kind is Kind.FLAGGED:
        statement = statement.where(col(ModerationRecord.action).in_(ACTED))
    if kind is Kind.FAILED:
        statement = statement.where(Message.finish_reason == BROKEN)
    if kind is Kind.REGENERATED:
        later = aliased(Message)
        again = exists().where(
            later.parent_id == Message.parent_id,  # type: ignore[arg-type]
            later.role == "assistant",  # type: ignore[arg-type]
            later.completion_id != Message.completion_id,  # type: ignore[arg-type]
            col(later.seq) > Message.seq,
        )
        statement = statement.where(again)
    if after:
        statement = statement.where(Message.seq < place_of(Message, after))
    return [_answered(row) for row in session.exec(statement)]


def windows(
    session: Session, since: float, until: float, count: int
) -> tuple[Window, list[Window]]:
    """The whole time as one window, and in ``count`` windows of equal length, oldest first."""
    step = (until - since) / count
    rows = answers(session, since, until)
    flagged, judged = _flagged_prompts(session, since, until), _judgements(session, since, until)
    lists = (_shared_out(each, since, step, count) for each in (rows, flagged, judged))
    return window(since, rows, len(flagged), len(judged)), [
        window(since + n * step, said, len(prompts), len(ratings))
        for n, (said, prompts, ratings) in enumerate(zip(*lists, strict=True))
    ]


def window(
    at: float, said: Sequence[ServedResponse], flagged_prompts: int, judgements: int
) -> Window:
    """What these answers come to."""
    firsts = {row.completion_id: row for row in said}  # the prompt is read once for all choices
    shown = [row for row in said if row.first_text_seconds is not None and row.seconds is not None]
    return Window(
        at=at,
        requests=len(firsts),
        answers=len(said),
        prompt_tokens=sum(row.prompt_tokens for row in firsts.values()),
        response_tokens=sum(row.tokens for row in said),
        first_text=_quantiles([row.first_text_seconds for row in shown]),
        seconds=_quantiles([row.seconds for row in shown]),
        flagged_prompts=flagged_prompts,
        flagged_answers=sum(row.action in ACTED for row in said),
        failed=sum(row.finish_reason == BROKEN for row in said),
        judgements=judgements,
    )


def _answered(row: Any) -> ServedResponse:
    values = list(row)
    values[5] = values[5] or 0
    return ServedResponse(*values)


def _flagged_prompts(session: Session, since: float, until: float) -> list[float]:
    statement = (
        select(ModerationRecord.created_at)
        .join(Message)
        .where(Message.role != "assistant", col(ModerationRecord.action).in_(ACTED))
        .where(*_between(ModerationRecord.id, "modr", since, until))
    )
    return list(session.exec(statement))


def _judgements(session: Session, since: float, until: float) -> list[float]:
    statement = select(Feedback.created_at).where(
        Feedback.kind != FeedbackKind.WITHDRAWAL, *_between(Feedback.id, "fb", since, until)
    )
    return list(session.exec(statement))


def _between(column: Any, prefix: str, since: float, until: float) -> tuple[Any, Any]:
    """Ids begin with the time of their creation, so the primary key finds a span of time."""
    low, high = (f"{prefix}_{max(0, int(at * _NANOSECONDS)):016x}" for at in (since, until))
    return col(column) >= low, col(column) < high


def _shared_out(rows: Sequence[Any], since: float, step: float, count: int) -> list[list[Any]]:
    """Rows, or times, by the window in which they fall."""
    found: list[list[Any]] = [[] for _ in range(count)]
    for row in rows:
        at = row if isinstance(row, float) else row.at
        found[min(count - 1, max(0, int((at - since) / step)))].append(row)
    return found


def _quantiles(values: Sequence[float | None]) -> QuantileSummary | None:
    known = [value for value in values if value is not None]
    if not known:
        return None
    median, p95 = np.quantile(known, (0.5, 0.95))
    return QuantileSummary(float(median), float(p95))
