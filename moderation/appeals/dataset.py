"""Decided appeals as labelled examples: derived from the rows each time, and frozen as JSON Lines.

The rules are those of feedback. Only conversations that may be trained on count, and an erased
conversation takes its examples along: what is trained next has not seen them. A frozen file names
the conversation of every example, so that heads that learned from an erased one can be told.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from sqlmodel import Session, select

from moderation.categories import CATEGORIES
from moderation.encoder.normalize import normalize
from tutelage import jsonl
from tutelage.chat import appeals
from tutelage.tables import Conversation


class DecidedAppeal(NamedTuple):
    """One decided appeal. `group` is its conversation; `thresholds` those that were reached."""

    id: str
    group: str
    text: str
    labels: dict[str, int]
    thresholds: dict[str, float]


def derive(session: Session) -> list[DecidedAppeal]:
    """What may be learned from now, oldest appeal first."""
    found = []
    for case in appeals.decided(session):
        known = case.appeal.labels or {}
        labels = {category: known[category] for category in CATEGORIES if category in known}
        if labels and normalize(case.text).strip():
            of_rules = {category: case.record.thresholds.get(category, 0.5) for category in labels}
            found.append(
                DecidedAppeal(
                    case.appeal.id, case.message.conversation_id, case.text, labels, of_rules
                )
            )
    return found


def frozen(decided: Sequence[DecidedAppeal]) -> str:
    """The examples as text, one a line, as `moderation.training.train --appeals` reads them."""
    return jsonl.dumps((each._asdict() for each in decided), sort_keys=True)


def no_longer_allowed(session: Session, path: Path) -> int:
    """Of how many conversations in a frozen file nothing may be learned any more."""
    frozen = {row["group"] for row in jsonl.read(path)}
    allowed = session.exec(select(Conversation.id).where(Conversation.training))
    return len(frozen.difference(allowed))
