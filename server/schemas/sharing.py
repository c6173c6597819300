"""Shared conversations, the user's feedback history, and erasures."""

from typing import Annotated

from pydantic import BaseModel, Field

from server.schemas.feedback import FeedbackItem
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


class LearnedBy(BaseModel):
    """An iteration that used the feedback, and the resulting policy."""

    iteration_id: str
    policy_id: str | None
    state: str | None = Field(description="The state of that policy or iteration.")


class FeedbackStory(FeedbackItem):
    """The user's own feedback, with the rated response and the iterations that used it."""

    conversation_id: str
    conversation_title: str
    training: bool = Field(description="Whether the conversation may be used for training.")
    prompt_id: str | None
    prompt: str
    answer: str = Field(description="The rated response; of a ranking the best one.")
    policy_id: str | None = Field(description="The policy that wrote it.")
    learned_by: list[LearnedBy]


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
