"""The active rules: those that an operator saved last, else those of the settings."""

from sqlmodel import Session, col, select

from moderation.rules import ModerationRules
from tutelage import audit
from tutelage.tables import RulesRevision


def active_rules(session: Session, default: ModerationRules) -> ModerationRules:
    """The newest saved rules; `default` where none are saved or an operator reset them."""
    newest = next(iter(history(session, 1)), None)
    if newest is None or newest.rules is None:
        return default
    return ModerationRules.model_validate(newest.rules)


def set_rules(session: Session, rules: ModerationRules | None, author_id: str) -> RulesRevision:
    """Activate `rules` from the next turn on; None resets to those of the settings."""
    row = RulesRevision(author_id=author_id, rules=rules.model_dump(mode="json") if rules else None)
    session.add(row)
    audit.record(session, author_id, "moderation.rules", row.id, reset=rules is None)
    return row


def history(session: Session, limit: int) -> list[RulesRevision]:
    """The saved revisions, newest first."""
    newest_first = select(RulesRevision).order_by(col(RulesRevision.seq).desc())
    return list(session.exec(newest_first.limit(limit)))
