"""The rules in force: what an operator set while the service ran, else what the settings say."""

from sqlmodel import Session, col, select

from moderation.rules import ModerationPolicy
from tutelage import audit
from tutelage.tables import ModerationRules


def in_force(session: Session, default: ModerationPolicy) -> ModerationPolicy:
    """The newest rules; `default` where none were set or the operator went back to them."""
    newest = next(iter(history(session, 1)), None)
    if newest is None or newest.rules is None:
        return default
    return ModerationPolicy.model_validate(newest.rules)


def set_rules(session: Session, policy: ModerationPolicy | None, author_id: str) -> ModerationRules:
    """Puts `policy` in force from the next turn on; None goes back to the settings."""
    rules = policy.model_dump(mode="json") if policy else None
    row = ModerationRules(author_id=author_id, rules=rules)
    session.add(row)
    audit.record(session, author_id, "moderation.rules", row.id, reset=policy is None)
    return row


def history(session: Session, limit: int) -> list[ModerationRules]:
    """What was in force before, newest first."""
    newest_first = select(ModerationRules).order_by(col(ModerationRules.id).desc())
    return list(session.exec(newest_first.limit(limit)))
