"""Teams, as operators make and fill them."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from server.schemas.text import Body, Name, storable
from tutelage.people.teams import LONGEST_NAME


class TeamMember(BaseModel):
    """A person in a team."""

    id: str
    name: str


class TeamItem(BaseModel):
    """A team with its members."""

    id: str
    name: str
    created_at: float
    members: list[TeamMember]


class TeamRequest(Body):
    """The name of a team."""

    name: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME), AfterValidator(storable)]


class TeamMemberRequest(Body):
    """A person to put into a team; they leave the team that they were in."""

    user_id: Name
