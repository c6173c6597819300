"""The user's own account: name and password, API keys, and what is left of the quota."""

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
    """Omitted fields stay unchanged. A new password requires the old one, if there is one."""

    name: Title | None = None
    password: Name | None = None
    old_password: Name | None = None


class QuotaStanding(BaseModel):
    """Today's usage and limits; a limit of 0 means unlimited."""

    requests_limit: int
    requests_used: int
    tokens_limit: int
    tokens_used: int
    resets_at: float = Field(description="When usage resets: midnight UTC.")

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
    """The user's own account."""

    id: str
    name: str
    login: str | None
    role: str
    has_password: bool
    providers: list[str] = Field(description="Linked OpenID Connect providers.")
    created_at: float
    quota: QuotaStanding
    conversations: int
    feedback: int = Field(description="Active feedback.")


class KeyItem(Shape):
    """An API key, without its secret."""

    id: str
    name: str
    prefix: str = Field(description="The first characters of the secret.")
    training: bool
    scopes: list[str] | None = Field(description="null: everything that its owner may do.")
    created_at: float
    expires_at: float | None
    last_used_at: float | None
    revoked_at: float | None


class KeyRequest(Body):
    """A new key."""

    name: Title
    scopes: list[ScopeName] = Field(min_length=1, max_length=4)
    days: int | None = Field(None, ge=1, le=3650, description="Days until it expires; null: never.")
    training: bool = Field(
        False, description="Whether requests made with this key may be used for training."
    )


class NewKey(KeyItem):
    """A key that was just created."""

    secret: str = Field(description="Shown only once.")


class ErasureRequest(Body):
    """Account deletion, confirmed by the account's name."""

    confirm: Name
