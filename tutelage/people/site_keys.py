"""Site keys: API keys that stand in web pages of other sites, so their secret is public.

A site key is bound to the origins of its pages and has limits of its own. Whoever uses such a page
is a visitor: a guest whom a random secret of their browser names, kept as a SHA-256.
"""

import hashlib
from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from sqlmodel import Session, col, func, select

from tutelage import audit
from tutelage.people import accounts, people
from tutelage.settings import Quota, origin_of
from tutelage.tables import ApiKey, Identity, Scope, User

VISITOR = "Visitor"
RIGHTS = (Scope.CHAT, Scope.FEEDBACK)
Most = Annotated[int, Field(ge=0, le=1_000_000)]


class SiteRules(BaseModel):
    """Where a site key works and how much it may use; 0 = unlimited.

    A visitor's requests a minute are counted by address, those of a day by the visitor's secret.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    origins: list[Annotated[str, Field(max_length=300), AfterValidator(origin_of)]] = Field(
        min_length=1, max_length=20, description="Origins of the pages: https://www.example.org."
    )
    per_minute: Most = Field(120, description="Requests per minute of all visitors.")
    per_day: Most = Field(2000, description="Prompts per day of all visitors.")
    visitor_per_minute: Most = Field(20, description="Requests per minute and address.")
    visitor_per_day: Most = Field(100, description="Prompts per day and visitor.")

    @property
    def quota(self) -> Quota:
        """What all visitors may use in a day."""
        return Quota(requests=self.per_day)

    @property
    def visitor_quota(self) -> Quota:
        """What one visitor may use in a day."""
        return Quota(requests=self.visitor_per_day)


def create(
    session: Session, name: str, rules: SiteRules, training: bool, actor: str
) -> tuple[ApiKey, str]:
    """A new site key with an owner of its own, and its secret."""
    owner = people.create_user(session, name)
    key, secret = people.create_key(session, owner, name, training, actor, RIGHTS)
    key.site = rules.model_dump()
    session.add(key)
    audit.record(session, actor, "key.site", key.id, **key.site)
    return key, secret


def rules_of(key: ApiKey) -> SiteRules | None:
    """The rules of a site key; None for any other key."""
    return SiteRules.model_validate(key.site) if key.site else None


def listed(session: Session) -> Sequence[ApiKey]:
    """The site keys, newest first."""
    return [
        key for key in session.exec(select(ApiKey).order_by(col(ApiKey.seq).desc())) if key.site
    ]


def origins(session: Session) -> frozenset[str]:
    """Where the site keys that are not revoked work."""
    return frozenset(
        origin
        for key in listed(session)
        if key.site and key.revoked_at is None
        for origin in key.site["origins"]
    )


def visitor(session: Session, key: ApiKey, secret: str) -> User:
    """The visitor whom the secret names, who is made at the first request."""
    return accounts.by_identity(session, issuer_of(key), _sha256(secret), VISITOR)


def known_visitor(session: Session, key: ApiKey, secret: str) -> User | None:
    """The visitor, where the secret is not new."""
    identity = session.get(Identity, (issuer_of(key), _sha256(secret)))
    return session.get(User, identity.user_id) if identity else None


def visitors(session: Session, key: ApiKey) -> int:
    """How many visitors have written with the key."""
    count = select(func.count()).where(Identity.issuer == issuer_of(key))
    return session.exec(count).one()


def issuer_of(key: ApiKey) -> str:
    """Who vouches for the visitors of a key."""
    return f"site:{key.id}"


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
