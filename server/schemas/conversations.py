"""Conversations and their messages."""

from pydantic import BaseModel, Field

from server.schemas.feedback import FeedbackItem
from server.schemas.openai.chat import ModerationNotice
from server.schemas.text import Body, Shape, Text
from tutelage.chat import system_prompts


class ConversationSummary(Shape):
    """A conversation in a list."""

    id: str
    title: str
    training: bool = Field(description="Whether it may be used for training.")
    created_at: float
    updated_at: float
    pinned_at: float | None = Field(
        description="When it was pinned; pinned conversations come first."
    )
    passage: str | None = Field(None, description="Where a searched text is in a message.")


class StoredMessage(BaseModel):
    """A node of the message tree; messages with the same parent are alternatives."""

    id: str
    parent_id: str | None
    role: str
    content: str
    completion_id: str | None
    choice: int | None
    policy_id: str | None = Field(description="The policy version that wrote it.")
    finish_reason: str | None = Field(
        description="stop, length, tool_calls, content_filter, error, or cancelled."
    )
    created_at: float
    moderation: ModerationNotice | None
    feedback: list[FeedbackItem] = Field(description="Your active feedback.")


class TurnBegun(Shape):
    """A turn that is being written; /v1/conversations/{id}/turns/{id}/events shows it."""

    id: str = Field(description="The id of its completion.")
    prompt_message_id: str
    policy_id: str
    message_ids: list[str] = Field(description="Under which its responses are stored, by choice.")


class ConversationDetail(ConversationSummary):
    """A conversation with all its messages, parents before children."""

    messages: list[StoredMessage]
    turns: list[TurnBegun] = Field(description="Turns of the web UI that are being written.")


class ResponseProgress(BaseModel):
    """New text of one response."""

    id: str
    text: str = Field(description="What follows the text of the event before.")
    finish_reason: str | None


class TurnProgress(BaseModel):
    """An event of a turn that is watched."""

    after: str = Field(description="Where to go on: characters of each response, with commas.")
    responses: list[ResponseProgress]
    ended: bool = Field(description="Whether all responses are complete and stored.")


class ConversationChange(Body):
    """Rename, pin, or change consent; omitted fields stay unchanged."""

    title: Text | None = Field(None, min_length=1, max_length=200)
    training: bool | None = None
    pinned: bool | None = None


class SystemPromptRequest(Body):
    """A system prompt under a name."""

    name: Text = Field(min_length=1, max_length=system_prompts.NAME_LIMIT)
    text: Text = Field(min_length=1, max_length=system_prompts.TEXT_LIMIT)


class SystemPromptItem(BaseModel):
    """A system prompt that can be chosen for a new conversation."""

    id: str
    name: str
    text: str
    shared: bool = Field(description="Whether an operator offers it to everyone.")
    created_at: float
