"""Links by which others may read a conversation, and one's feedback with what came of it."""

from typing import Annotated

from pydantic import BaseModel, Field

from server.schemas.feedback import FeedbackItem
from server.schemas.text import Body, Name, Shape


class ShareRequest(Body):
    """Share the branch that ends with this message."""

    leaf_id: Annotated[Name, Field(min_length=1)]


class ShareItem(Shape):
    """A link to a conversation, up to one message."""

    token: str
    leaf_id: str
    created_at: float


class SharedMessage(Shape):
    """A message as anybody with the link reads it."""

    id: str
    role: str
    content: str
    policy_id: str | None


class SharedConversation(BaseModel):
    """A branch of somebody's conversation; whose is not told."""

    title: str
    created_at: float
    messages: list[SharedMessage]


class LearnedBy(BaseModel):
    """An iteration that learned from a judgement, and the policy that came of it."""

    iteration_id: str
    policy_id: str | None
    state: str | None = Field(description="Where that policy stands.")


class FeedbackStory(FeedbackItem):
    """One of one's own judgements, with what it is about and what came of it."""

    conversation_id: str
    conversation_title: str
    training: bool = Field(description="Whether the conversation may teach.")
    prompt_id: str | None
    prompt: str
    answer: str = Field(description="The answer judged; of a ranking the best one.")
    policy_id: str | None = Field(description="Who had given it.")
    learned_by: list[LearnedBy]


class ErasureItem(Shape):
    """Something erased that policies had learned from; ids only."""

    id: str
    subject: str
    conversations: list[str]
    feedback: list[str]
    policies: list[str] = Field(description="Learned from it, or were trained from one that did.")
    iteration_id: str | None = Field(description="The one that was started to learn without it.")
    created_at: float
    parent: str | None = Field(description="The newest policy that never learned from it.")
