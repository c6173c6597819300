"""Who am I, signing in and consent."""

from pydantic import BaseModel, Field

from server.schemas.text import Body, Name
from tutelage.tables import Role


class SessionUser(BaseModel):
    """The person behind the cookie or key."""

    id: str
    name: str
    role: Role
    training: bool = Field(description="Whether new conversations may be trained on.")
    consented: bool = Field(description="Whether the person has answered that question.")


class SessionState(BaseModel):
    """Who is asking; ``user`` is null for somebody unknown."""

    user: SessionUser | None
    guests: bool = Field(description="Whether people may chat without an account.")


class SignInRequest(Body):
    """Nothing for a guest; or the token of a one-time sign-in link."""

    link: Name | None = None


class ConsentRequest(Body):
    """The person's answer to: may your conversations teach the assistant?"""

    training: bool
