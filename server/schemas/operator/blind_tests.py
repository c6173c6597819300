"""Blind tests of two policies."""

from typing import Annotated

from pydantic import BaseModel, Field

from server.schemas.text import Body, Name, Text

MOST_PROMPTS = 20
PromptText = Annotated[Text, Field(min_length=1, max_length=2000)]


class BlindTestRequest(Body):
    """Two policies and the prompts."""

    policies: list[Name] = Field(min_length=2, max_length=2)
    prompts: list[PromptText] = Field(min_length=1, max_length=MOST_PROMPTS)


class BlindResponse(BaseModel):
    """One of two responses; its policy is named at the end."""

    id: str
    content: str
    policy_id: str | None


class BlindPair(BaseModel):
    """A prompt and both responses, in an order that is independent of the policies."""

    prompt_id: str
    prompt: str
    answers: list[BlindResponse]
    judged: list[list[str]] | None = Field(description="The ranking; a tie is one group.")


class BlindShare(BaseModel):
    """A policy's win rate, ties half, with a 95 % interval over prompts."""

    policy_id: str
    mean: float
    low: float
    high: float


class BlindTest(BaseModel):
    """A blind test; it has a result once every prompt is judged."""

    id: str
    created_at: float
    pairs: list[BlindPair]
    result: list[BlindShare] | None


class BlindTestItem(BaseModel):
    """A blind test in a list."""

    id: str
    created_at: float
    prompts: int
    judged: int


class BlindJudgement(Body):
    """The preferred response to a prompt; null: a tie."""

    prompt_id: Name
    preferred: Name | None
