"""The append-only, hash-chained log of privileged acts.

Each event's SHA-256 covers its content and the hash before it, so an edited, removed or inserted
row breaks the chain from there on (Haber and Stornetta 1991, linked timestamps).
"""

import hashlib
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, select

from tutelage.store import Lock, exclude
from tutelage.tables import AuditEvent

GENESIS = "0" * 64


def record(session: Session, actor: str, action: str, subject: str, **details: Any) -> AuditEvent:
    """Append one event inside the caller's transaction: the act and its trace commit together."""
    exclude(session, Lock.PRIVILEGED)
    last = session.exec(select(AuditEvent).order_by(col(AuditEvent.seq).desc()).limit(1)).first()
    event = AuditEvent(
        seq=last.seq + 1 if last else 1,
        at=time.time(),
        actor=actor,
        action=action,
        subject=subject,
        details=details,
        previous_sha256=last.sha256 if last else GENESIS,
        sha256="",
    )
    event.sha256 = digest(event)
    session.add(event)
    session.flush()
    return event


def digest(event: AuditEvent) -> str:
    """SHA-256 over everything in the event but the digest itself."""
    content = event.model_dump(exclude={"sha256"})
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Anchor:
    """Where the chain ended at some time. Kept elsewhere, it shows that nothing was cut off."""

    seq: int
    sha256: str
    at: float


def anchor(session: Session) -> Anchor:
    """The end of the chain now."""
    last = session.exec(select(AuditEvent).order_by(col(AuditEvent.seq).desc()).limit(1)).first()
    return Anchor(last.seq, last.sha256, time.time()) if last else Anchor(0, GENESIS, time.time())


def verify_anchors(session: Session, anchors: Iterable[Anchor]) -> list[str]:
    """What contradicts an anchor: a chain that was cut off, or written anew from some place on."""
    problems = []
    for each in anchors:
        row = session.get(AuditEvent, each.seq) if each.seq else None
        if each.seq and row is None:
            problems.append(
                f"Event {each.seq} is in an anchor but not in the log: the log was truncated."
            )
        elif row is not None and row.sha256 != each.sha256:
            problems.append(f"Event {each.seq} differs from its anchor.")
    return problems


def verify(session: Session) -> list[str]:
    """What is wrong with the chain, a sentence each; empty when it holds.

    A chain that was cut off at its end still holds by itself: ``verify_anchors`` finds that.
    """
    problems: list[str] = []
    previous, seq = GENESIS, 0
    for event in session.exec(select(AuditEvent).order_by(col(AuditEvent.seq))):
        if event.seq != seq + 1:
            problems.append(f"Event {seq + 1} is missing before event {event.seq}.")
        if event.previous_sha256 != previous:
            problems.append(f"Event {event.seq} does not match the hash of the previous event.")
        if digest(event) != event.sha256:
            problems.append(f"Event {event.seq} was changed after it was written.")
        previous, seq = event.sha256, event.seq
    return problems
