"""What the service does over time, the answers behind each number, and what people made of them."""

from typing import Any

from pydantic import BaseModel, Field

from server.schemas.text import Shape
from tutelage.tables import FeedbackKind


class LatencyQuantiles(Shape):
    """A waiting time in seconds."""

    median: float
    p95: float


class TrafficWindow(Shape):
    """What happened from ``at`` until the next window."""

    at: float
    requests: int
    answers: int
    prompt_tokens: int
    response_tokens: int
    first_text: LatencyQuantiles | None = Field(description="From the request to its first text.")
    seconds: LatencyQuantiles | None = Field(
        description="From the request to the end of its answer."
    )
    flagged_prompts: int = Field(description="Warned of or blocked.")
    flagged_answers: int
    failed: int = Field(description="Answers that broke off.")
    judgements: int


class HttpAnswers(BaseModel):
    """What this process answered since it started, by status; /metrics tells it by route."""

    since: float
    statuses: dict[str, int]
    running: int = Field(description="TurnService being answered now.")


class Traffic(BaseModel):
    """The whole time, and its windows."""

    since: float
    until: float
    total: TrafficWindow
    windows: list[TrafficWindow]
    http: HttpAnswers


class AnsweredItem(Shape):
    """An answer behind the numbers; its text only where its owner lets it teach."""

    id: str
    at: float
    completion_id: str | None
    policy_id: str | None
    prompt_tokens: int
    tokens: int
    finish_reason: str | None
    first_text_seconds: float | None
    seconds: float | None
    action: str | None = Field(description="What moderation did.")
    excerpt: str | None = Field(description="Null where its owner keeps it.")


class Proportion(BaseModel):
    """A share with its 95 % interval, by person; null without any case."""

    mean: float | None
    low: float | None
    high: float | None
    count: int
    people: int


class PolicyOpinion(BaseModel):
    """What people made of one policy's answers."""

    policy_id: str
    liked: Proportion = Field(description="Thumbs up among thumbs.")
    regenerated: Proportion = Field(description="Answers that were asked for again.")
    flagged: Proportion = Field(description="Answers that moderation acted on.")
    failed: Proportion = Field(description="Answers that broke off.")
    slow: Proportion = Field(description="Answers that took too long.")


class Opinions(BaseModel):
    """Policies, the newest first."""

    since: float
    policies: list[PolicyOpinion]


class JudgementItem(Shape):
    """A judgement behind the numbers; what it says only where its conversation may teach."""

    id: str
    kind: FeedbackKind
    author_id: str
    policy_id: str | None
    target: str
    value: dict[str, Any] | None
    created_at: float
