"""Shared conversations and erasures."""

from typing import Annotated

from pydantic import BaseModel, Field

from server.schemas.text import Body, Name, Shape


class ShareRequest(Body):
    """The last message of the branch to share."""

    leaf_id: Annotated[Name, Field(min_length=1)]


class ShareItem(Shape):
    """A link to a conversation, up to one message."""

    token: str
    leaf_id: str
    created_at: float


class SharedMessage(Shape):
    """A message as anyone with the link reads it."""

    id: str
    role: str
    content: str
    policy_id: str | None


class SharedConversation(BaseModel):
    """A branch of a conversation; the owner is not named."""

    title: str
    created_at: float
    messages: list[SharedMessage]


class ErasureItem(Shape):
    """Erased data that policies were trained on; ids only."""

    id: str
    subject: str
    conversations: list[str]
    feedback: list[str]
    policies: list[str] = Field(description="Policies trained on it, and their descendants.")
    iteration_id: str | None = Field(description="The iteration that retrains without it.")
    created_at: float
    parent: str | None = Field(description="The newest policy not trained on it.")
