"""Decided appeals as labelled examples: derived from the rows each time, and frozen as JSON Lines.

As with feedback, only conversations with consent to training are used, and erasing a conversation
removes its examples from later training. A frozen file names the conversation of every example, so
that heads trained on an erased one can be identified.
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
    """One decided appeal. `group` is its conversation; `thresholds` are those that applied."""

    id: str
    group: str
    text: str
    labels: dict[str, int]
    thresholds: dict[str, float]


def derive(session: Session) -> list[DecidedAppeal]:
    """The decided appeals that may be used for training now, oldest first."""
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
    """How many conversations of a frozen file may no longer be used for training."""
    frozen = {row["group"] for row in jsonl.read(path)}
    allowed = session.exec(select(Conversation.id).where(Conversation.training))
    return len(frozen.difference(allowed))
