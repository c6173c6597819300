"""Stored chat completions: changes to them, and their prompt messages."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from server.schemas.openai.chat import Metadata
from server.schemas.text import Body, Listed


class CompletionChange(Body):
    """New metadata, which replaces the old."""

    metadata: Annotated[Metadata, Field(max_length=16)] | None


class CompletionDeleted(BaseModel):
    """The completion is no longer stored."""

    id: str
    object: Literal["chat.completion.deleted"] = "chat.completion.deleted"
    deleted: Literal[True] = True


class CompletionPrompt(BaseModel):
    """A prompt message."""

    id: str
    role: str
    content: str
    name: None = None
    content_parts: None = None


class CompletionPrompts(Listed):
    """The prompt messages, first to last."""

    data: list[CompletionPrompt]
