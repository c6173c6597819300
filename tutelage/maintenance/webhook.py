"""Tells a URL what happened: the notable events of the audit log, in order, each at least once.

The audit log is the queue: only how far the receiver was told is kept beside it, so nothing that
was recorded can be forgotten. Bodies are signed with HMAC-SHA-256 where a secret is set.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from sqlmodel import Session, col, func, select

from tutelage.store import Store
from tutelage.tables import AuditEvent, Delivery

NOTABLE = ("iteration.", "experiment.", "policy.", "report.", "schedule.")
LEFT_OUT = ("iteration.lease",)
BATCH = 50
LONGEST_WAIT = 3600.0
TIMEOUT = 10.0
Post = Callable[[str, bytes, Mapping[str, str]], int]  # url, body, headers -> status


def post(url: str, body: bytes, headers: Mapping[str, str]) -> int:
    """Send it; the status."""
    import httpx

    return httpx.post(url, content=body, headers=dict(headers), timeout=TIMEOUT).status_code


def tell(store: Store, url: str, secret: str, send: Post = post, now: float | None = None) -> int:
    """Deliver what is new; the number of events told. A receiver that fails is tried again later.

    The first call begins at the present: the past is in the log for who wants it.
    """
    now = time.time() if now is None else now
    key = hashlib.sha256(url.encode()).hexdigest()
    with store.write() as session:
        delivery = session.get(Delivery, key)
        if delivery is None:
            session.add(Delivery(url_sha256=key, seq=_newest(session)))
            return 0
    if now < delivery.retry_at <= now + LONGEST_WAIT:
        return 0
    with store.read() as session:
        rows = _after(session, delivery.seq)
    events = [_event(row) for row in rows if _is_notable(row.action)]
    if events and not _sent(send, url, secret, events):
        _remember(store, key, delivery.seq, delivery.failures + 1, now)
        return 0
    if rows:
        _remember(store, key, rows[-1].seq, 0, now)
    return len(events)


def signature(secret: str, body: bytes) -> str:
    """What the receiver compares with the header ``x-tutelage-signature``."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _sent(send: Post, url: str, secret: str, events: list[dict[str, Any]]) -> bool:
    body = json.dumps({"events": events}).encode()
    headers = {"content-type": "application/json"}
    if secret:
        headers["x-tutelage-signature"] = signature(secret, body)
    try:
        return 200 <= send(url, body, headers) < 300
    except Exception:  # whatever a foreign server does: it is tried again
        return False


def _remember(store: Store, key: str, seq: int, failures: int, now: float) -> None:
    with store.write() as session:
        row = session.get_one(Delivery, key)
        row.seq, row.failures = seq, failures
        row.retry_at = now + min(LONGEST_WAIT, 2.0**failures) if failures else 0.0
        session.add(row)


def _after(session: Session, seq: int) -> list[AuditEvent]:
    later = select(AuditEvent).where(AuditEvent.seq > seq)
    return list(session.exec(later.order_by(col(AuditEvent.seq)).limit(BATCH)))


def _newest(session: Session) -> int:
    return session.exec(select(func.max(AuditEvent.seq))).one() or 0


def _is_notable(action: str) -> bool:
    return action.startswith(NOTABLE) and action not in LEFT_OUT


def _event(row: AuditEvent) -> dict[str, Any]:
    columns = ("seq", "at", "actor", "action", "subject", "details")
    return {name: getattr(row, name) for name in columns}
