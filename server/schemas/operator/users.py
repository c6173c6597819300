"""What operators see of people and of the settings."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from server.schemas.account import KeyItem, QuotaStanding
from server.schemas.text import Body
from tutelage.tables import Role


class UserItem(BaseModel):
    """A person, as operators see them; what they wrote is not shown."""

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
    own_quota: bool = Field(description="Whether the quota is an exception for this person.")
    keys: list[KeyItem]


class QuotaChange(Body):
    """The most that somebody may use in a day; 0 for no limit."""

    requests: int = Field(ge=0)
    tokens: int = Field(ge=0)


class UserChange(Body):
    """What is left out stays."""

    role: Annotated[Role | None, Field(strict=False)] = None
    disabled: bool | None = None
    quota: QuotaChange | None = None
    role_quota: bool = Field(False, description="Back to the quota of the role.")


class UserRequest(Body):
    """Somebody to let in by a link."""

    name: str = Field(min_length=1, max_length=100)
    role: Annotated[Role, Field(strict=False)] = Role.USER


class SignInLink(BaseModel):
    """A link that signs somebody in once, within an hour."""

    user_id: str
    path: str


Source = Literal["default", "environment", "command line"]


class SettingItem(BaseModel):
    """A setting in force; secrets are not shown."""

    name: str
    value: Any
    default: Any
    source: Source
    about: str
