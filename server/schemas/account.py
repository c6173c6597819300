"""One's own account: name and password, API keys, and what is left of the quota."""

from typing import Annotated, Self

from pydantic import BaseModel, Field

from server.schemas.text import Body, Name, Shape, Text
from tutelage.people.quota import QuotaState
from tutelage.tables import Scope

Title = Annotated[Text, Field(min_length=1, max_length=100)]
ScopeName = Annotated[Scope, Field(strict=False)]


class SignUpRequest(Body):
    """A new account. A guest who signs up keeps their conversations."""

    login: Name
    password: Name


class AccountChange(Body):
    """What is left out stays. Another password needs the old one, if there is one."""

    name: Title | None = None
    password: Name | None = None
    old_password: Name | None = None


class QuotaStanding(BaseModel):
    """Where one stands today; a limit of 0 is none."""

    requests_limit: int
    requests_used: int
    tokens_limit: int
    tokens_used: int
    resets_at: float = Field(description="When the next day begins.")

    @classmethod
    def of(cls, quota_state: QuotaState) -> Self:
        """What a user has used and may use today."""
        return cls(
            requests_limit=quota_state.quota.requests,
            requests_used=quota_state.requests,
            tokens_limit=quota_state.quota.tokens,
            tokens_used=quota_state.tokens,
            resets_at=quota_state.resets_at,
        )


class Account(BaseModel):
    """One's own account."""

    id: str
    name: str
    login: str | None
    role: str
    has_password: bool
    providers: list[str] = Field(description="OpenID Connect providers that vouch for one.")
    created_at: float
    quota: QuotaStanding
    conversations: int
    feedback: int = Field(description="Judgements that stand.")


class KeyItem(Shape):
    """An API key, without its secret."""

    id: str
    name: str
    prefix: str = Field(description="The first characters of the secret.")
    training: bool
    scopes: list[str] | None = Field(description="null: whatever its owner may.")
    created_at: float
    expires_at: float | None
    last_used_at: float | None
    revoked_at: float | None


class KeyRequest(Body):
    """A new key."""

    name: Title
    scopes: list[ScopeName] = Field(min_length=1, max_length=4)
    days: int | None = Field(None, ge=1, le=3650, description="It expires after so many days.")
    training: bool = Field(False, description="Whether what it sends may be trained on.")


class NewKey(KeyItem):
    """A key that was just made."""

    secret: str = Field(description="Shown this once.")


class ErasureRequest(Body):
    """Delete the account: its name again, as a seal."""

    confirm: Name
