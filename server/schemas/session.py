"""The current session, signing in and consent."""

from typing import Self

from pydantic import BaseModel, Field

from server.schemas.text import Body, Name, columns
from tutelage.settings import Settings, Starter
from tutelage.tables import Role, User


class SessionUser(BaseModel):
    """The user of the cookie or key."""

    id: str
    name: str
    login: str | None = Field(description="The login name; null for guests.")
    role: Role
    training: bool = Field(description="Whether new conversations may be used for training.")
    consented: bool = Field(description="Whether the user has made that choice.")

    @classmethod
    def of(cls, user: User) -> Self:
        """A user as they see themselves."""
        return cls(**columns(user, cls), consented=user.consented_at is not None)


class SessionState(BaseModel):
    """The current session; ``user`` is null without valid credentials."""

    user: SessionUser | None
    guests: bool = Field(description="Whether users may chat without an account.")
    sign_up: bool = Field(description="Whether users may sign up.")
    oidc: str | None = Field(description="The name of the OpenID Connect provider, if configured.")
    starters: list[Starter] = Field(description="The prompts that an empty chat offers.")
    max_message_chars: int = Field(description="The longest message that is taken, in characters.")

    @classmethod
    def of(cls, settings: Settings, user: User | None) -> Self:
        """The user, and the ways to sign in here."""
        return cls(
            user=SessionUser.of(user) if user else None,
            guests=settings.guests,
            sign_up=settings.sign_up,
            oidc=settings.oidc_name if settings.oidc_issuer else None,
            starters=settings.starter_prompts,
            max_message_chars=settings.max_message_chars,
        )


class SignInRequest(Body):
    """Empty for a guest; or the token of a one-time sign-in link; or login and password."""

    link: Name | None = None
    login: Name | None = None
    password: Name | None = None


class ConsentRequest(Body):
    """Whether new conversations may be used for training."""

    training: bool
