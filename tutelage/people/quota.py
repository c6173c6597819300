"""Quotas: how many requests and tokens a day a person may use, by role or by exception."""

import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session

from tutelage.errors import TutelageError
from tutelage.settings import Quota, Settings
from tutelage.tables import DailyUsage, User

DAY = 86_400
GUEST = "guest"
_INSERT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


class QuotaExceeded(TutelageError):
    """The daily quota of this user is used up; ``wait`` is in seconds."""

    def __init__(self, message: str, wait: int) -> None:
        super().__init__(message)
        self.wait = wait


@dataclass(frozen=True)
class QuotaState:
    """A person's quota of today, what is used of it, and when the next day begins."""

    quota: Quota
    requests: int
    tokens: int
    resets_at: float

    @property
    def left(self) -> Quota | None:
        """What is left of it; where there is no limit it says 0 as well, so look at ``quota``."""
        return Quota(
            requests=max(0, self.quota.requests - self.requests),
            tokens=max(0, self.quota.tokens - self.tokens),
        )


class Quotas:
    """The quotas in force: those of the roles are in the settings, exceptions with the person."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def of(self, user: User) -> Quota:
        """A person's own quota, else that of their role; a guest has no account."""
        if user.quota is not None:
            return Quota(**user.quota)
        by_role = self._settings.role_quotas
        guest = user.login is None and user.role == "user" and GUEST in by_role
        return by_role.get(GUEST if guest else str(user.role), Quota())

    def state(self, session: Session, user: User, own: Quota | None = None) -> QuotaState:
        """Where a person stands today, by their quota or by ``own``."""
        today = int(time.time() // DAY)
        used = session.get(DailyUsage, (user.id, today), populate_existing=True)
        requests, tokens = (used.requests, used.tokens) if used else (0, 0)
        return QuotaState(own or self.of(user), requests, tokens, float((today + 1) * DAY))

    def require(self, session: Session, user: User, own: Quota | None = None) -> QuotaState:
        """Where a person stands. Raises QuotaExceeded when nothing is left."""
        state = self.state(session, user, own)
        for what, most, used in (
            ("requests", state.quota.requests, state.requests),
            ("tokens", state.quota.tokens, state.tokens),
        ):
            if most and used >= most:
                wait = max(1, round(state.resets_at - time.time()))
                raise QuotaExceeded(
                    f"Daily quota of {most} {what} used up. "
                    f"It resets in {wait // 3600} h {wait % 3600 // 60} min.",
                    wait,
                )
        return state


def count(session: Session, user_id: str, requests: int = 0, tokens: int = 0) -> None:
    """Add to what a person has used today; what others add at the same moment counts too.

    Call it last: a turn that counts first waits for the others in another order than they do.
    """
    session.flush()
    insert = _INSERT[session.get_bind().dialect.name]
    row = insert(DailyUsage).values(
        user_id=user_id, day=int(time.time() // DAY), requests=requests, tokens=tokens
    )
    sums = {name: getattr(DailyUsage, name) + row.excluded[name] for name in ("requests", "tokens")}
    session.connection().execute(
        row.on_conflict_do_update(index_elements=["user_id", "day"], set_=sums)
    )
