"""Users, as operators see them."""

from typing import Annotated

from pydantic import BaseModel, Field

from server.schemas.account import KeyItem, QuotaStanding
from server.schemas.text import Body
from tutelage.tables import Role


class UserItem(BaseModel):
    """A user, without their texts."""

    id: str
    name: str
    login: str | None
    role: Role
    created_at: float
    disabled_at: float | None
    consented: bool
    conversations: int
    feedback: int
    quota: QuotaStanding
    own_quota: bool = Field(description="Whether the quota is specific to this user.")
    keys: list[KeyItem]


class QuotaChange(Body):
    """A daily quota; 0 = unlimited."""

    requests: int = Field(ge=0)
    tokens: int = Field(ge=0)


class UserChange(Body):
    """Omitted fields stay unchanged."""

    role: Annotated[Role | None, Field(strict=False)] = None
    disabled: bool | None = None
    quota: QuotaChange | None = None
    role_quota: bool = Field(False, description="Restore the role's default quota.")


class UserRequest(Body):
    """A user to invite by a link."""

    name: str = Field(min_length=1, max_length=100)
    role: Annotated[Role, Field(strict=False)] = Role.USER


class SignInLink(BaseModel):
    """A one-time sign-in link, valid for one hour."""

    user_id: str
    path: str
