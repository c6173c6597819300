"""Who am I, signing in and consent."""

from typing import Self

from pydantic import BaseModel, Field

from server.schemas.text import Body, Name, columns
from tutelage.settings import Settings
from tutelage.tables import Role, User


class SessionUser(BaseModel):
    """The person behind the cookie or key."""

    id: str
    name: str
    login: str | None = Field(description="The name to sign in with; guests have none.")
    role: Role
    training: bool = Field(description="Whether new conversations may be trained on.")
    consented: bool = Field(description="Whether the person has answered that question.")

    @classmethod
    def of(cls, user: User) -> Self:
        """A user as they see themselves."""
        return cls(**columns(user, cls), consented=user.consented_at is not None)


class SessionState(BaseModel):
    """Who is asking; ``user`` is null for somebody unknown."""

    user: SessionUser | None
    guests: bool = Field(description="Whether people may chat without an account.")
    sign_up: bool = Field(description="Whether people may make themselves an account.")
    oidc: str | None = Field(description="The OpenID Connect provider's name, if there is one.")

    @classmethod
    def of(cls, settings: Settings, user: User | None) -> Self:
        """The user, and the ways to sign in here."""
        return cls(
            user=SessionUser.of(user) if user else None,
            guests=settings.guests,
            sign_up=settings.sign_up,
            oidc=settings.oidc_name if settings.oidc_issuer else None,
        )


class SignInRequest(Body):
    """Nothing for a guest; or the token of a one-time sign-in link; or name and password."""

    link: Name | None = None
    login: Name | None = None
    password: Name | None = None


class ConsentRequest(Body):
    """The person's answer to: may your conversations teach the assistant?"""

    training: bool
