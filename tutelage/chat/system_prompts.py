"""Named system prompts: each person's own, and those that operators offer to everyone."""

from sqlmodel import Session, col, func, or_, select

from tutelage import audit
from tutelage.errors import Conflict, Invalid, NotFound
from tutelage.tables import SystemPrompt
from tutelage.text.single_line import single_line

MOST = 100  # of one owner
NAME_LIMIT, TEXT_LIMIT = 60, 8000  # characters


def offered(session: Session, user_id: str) -> list[SystemPrompt]:
    """Everyone's, then the person's own, each in order of writing."""
    mine = or_(col(SystemPrompt.owner_id).is_(None), SystemPrompt.owner_id == user_id)
    statement = select(SystemPrompt).where(mine)
    order = col(SystemPrompt.owner_id).is_not(None), col(SystemPrompt.seq)
    return list(session.exec(statement.order_by(*order)))


def save(session: Session, owner_id: str | None, name: str, text: str, actor: str) -> SystemPrompt:
    """Keep a text under its name; of the same owner and name the text is replaced.

    ``owner_id`` None: for everyone, which is recorded. Raises Invalid, and Conflict above ``MOST``.
    """
    line = single_line(name)
    if not 1 <= len(line) <= NAME_LIMIT:
        raise Invalid(f"A name must have 1 to {NAME_LIMIT} characters.", "name")
    if not text.strip() or len(text) > TEXT_LIMIT:
        raise Invalid(f"A system prompt must have 1 to {TEXT_LIMIT} characters.", "text")
    of_owner = col(SystemPrompt.owner_id).is_not_distinct_from(owner_id)
    known = select(SystemPrompt).where(of_owner, SystemPrompt.name == line)
    row = session.exec(known).first()
    if row is None:
        if session.exec(select(func.count()).where(of_owner)).one() >= MOST:
            raise Conflict(f"{MOST} system prompts are saved already; delete one first.")
        row = SystemPrompt(owner_id=owner_id, name=line, text=text)
    row.text = text
    session.add(row)
    session.flush()
    if owner_id is None:
        audit.record(session, actor, "system_prompt.save", row.id, name=line)
    return row


def delete(session: Session, prompt_id: str, owner_id: str | None, actor: str) -> None:
    """Delete one of this owner's (None: of everyone's). Raises NotFound."""
    row = session.get(SystemPrompt, prompt_id)
    if row is None or row.owner_id != owner_id:
        raise NotFound(f"System prompt {prompt_id!r} not found.")
    session.delete(row)
    if owner_id is None:
        audit.record(session, actor, "system_prompt.delete", prompt_id, name=row.name)
