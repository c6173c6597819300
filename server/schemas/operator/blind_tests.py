"""Blind tests of two policies."""

from typing import Annotated

from pydantic import BaseModel, Field

from server.schemas.text import Body, Name, Text

MOST_PROMPTS = 20
PromptText = Annotated[Text, Field(min_length=1, max_length=2000)]


class BlindTestRequest(Body):
    """Which two policies answer, and what."""

    policies: list[Name] = Field(min_length=2, max_length=2)
    prompts: list[PromptText] = Field(min_length=1, max_length=MOST_PROMPTS)


class BlindAnswer(BaseModel):
    """One of two answers; whose it is, is told at the end."""

    id: str
    content: str
    policy_id: str | None


class BlindPair(BaseModel):
    """A prompt and both answers, in an order that tells nothing."""

    prompt_id: str
    prompt: str
    answers: list[BlindAnswer]
    judged: list[list[str]] | None = Field(description="The ranking, one place for a tie.")


class BlindShare(BaseModel):
    """How often a policy's answer was preferred, ties half, with a 95 % interval over prompts."""

    policy_id: str
    mean: float
    low: float
    high: float


class BlindTest(BaseModel):
    """A test; its result once every prompt is judged."""

    id: str
    created_at: float
    pairs: list[BlindPair]
    result: list[BlindShare] | None


class BlindTestItem(BaseModel):
    """A test in the list."""

    id: str
    created_at: float
    prompts: int
    judged: int


class BlindJudgement(Body):
    """Which answer to a prompt is better; null: neither."""

    prompt_id: Name
    preferred: Name | None
