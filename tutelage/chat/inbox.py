"""The inbox: what became of a person's feedback, reports and appeals."""

import time
from collections import Counter
from collections.abc import Collection
from typing import Any

from sqlmodel import Session, col, func, select

from tutelage.tables import Dataset, Feedback, News, NewsKind, place_of

IDS_AT_ONCE = 500  # in one query


def tell(
    session: Session,
    user_id: str,
    kind: NewsKind,
    subject: str,
    details: dict[str, Any],
    conversation_id: str | None = None,
) -> None:
    """Tell a person; what they were told of the same subject is replaced and unread again."""
    known = select(News).where(News.user_id == user_id, News.kind == kind, News.subject == subject)
    before = session.exec(known).first()
    if before and before.details == details:
        return
    row = before or News(
        user_id=user_id, kind=kind, subject=subject, conversation_id=conversation_id, details={}
    )
    row.details, row.seq, row.created_at, row.read_at = details, 0, time.time(), None
    session.add(row)
    session.flush()


def tell_taught(
    session: Session,
    iteration_id: str,
    policy_id: str,
    trained: Collection[str],
    measured: Collection[str],
) -> None:
    """Tell the authors of these judgements that a policy learned from them; data sets are not."""
    imported = set(session.exec(select(Dataset.user_id)))
    counts = {"trained": _authors(session, trained), "measured": _authors(session, measured)}
    for author in sorted(set(counts["trained"]) | set(counts["measured"])):
        if author not in imported:
            numbers = {name: found[author] for name, found in counts.items()}
            details = {"policy_id": policy_id, **numbers}
            tell(session, author, NewsKind.TAUGHT, iteration_id, details)


def listed(session: Session, user_id: str, limit: int, after: str | None = None) -> list[News]:
    """What a person was told, newest first."""
    statement = select(News).where(News.user_id == user_id)
    if after:
        statement = statement.where(News.seq < place_of(News, after))
    return list(session.exec(statement.order_by(col(News.seq).desc()).limit(limit)))


def unread(session: Session, user_id: str) -> int:
    """How much of it they have not read."""
    statement = select(func.count()).where(News.user_id == user_id, col(News.read_at).is_(None))
    return session.exec(statement).one()


def mark_read(session: Session, user_id: str, newest: str) -> None:
    """Mark as read what a person was told, up to the newest that they have seen."""
    told = select(News).where(News.user_id == user_id, col(News.read_at).is_(None))
    for row in session.exec(told.where(News.seq <= place_of(News, newest))):
        row.read_at = time.time()
        session.add(row)


def _authors(session: Session, feedback_ids: Collection[str]) -> Counter[str]:
    ids, found = sorted(feedback_ids), Counter[str]()
    for start in range(0, len(ids), IDS_AT_ONCE):
        some = col(Feedback.id).in_(ids[start : start + IDS_AT_ONCE])
        found.update(session.exec(select(Feedback.author_id).where(some)))
    return found
