"""Traffic over time, the responses behind the numbers, and users' reactions by policy."""

from typing import Any

from pydantic import BaseModel, Field

from server.schemas.openai.chat import ModerationNotice
from server.schemas.text import Shape
from tutelage.tables import FeedbackKind


class LatencyQuantiles(Shape):
    """Latency quantiles in seconds."""

    median: float
    p95: float


class TrafficWindow(Shape):
    """Counts from ``at`` until the next window."""

    at: float
    requests: int
    answers: int
    prompt_tokens: int
    response_tokens: int
    first_text: LatencyQuantiles | None = Field(description="Time to first text.")
    seconds: LatencyQuantiles | None = Field(
        description="Time to the end of the responses that showed text."
    )
    flagged_prompts: int = Field(description="Prompts that moderation warned of or blocked.")
    flagged_answers: int
    failed: int = Field(description="Responses that ended with an error.")
    judgements: int


class HttpResponses(BaseModel):
    """HTTP responses of this process since it started, by status; /metrics has them by route."""

    since: float
    statuses: dict[str, int]
    running: int = Field(description="Turns in progress.")


class Traffic(BaseModel):
    """Totals of a period, and its windows."""

    since: float
    until: float
    total: TrafficWindow
    windows: list[TrafficWindow]
    http: HttpResponses


class ResponseItem(Shape):
    """A response behind the numbers; its text only where its owner consented to training."""

    id: str
    at: float
    completion_id: str | None
    policy_id: str | None
    prompt_tokens: int
    tokens: int
    finish_reason: str | None
    first_text_seconds: float | None
    seconds: float | None
    action: str | None = Field(description="Moderation actions.")
    excerpt: str | None = Field(description="Null without the owner's consent to training.")


class Proportion(BaseModel):
    """A proportion with its 95 % interval over users; null without cases."""

    mean: float | None
    low: float | None
    high: float | None
    count: int
    people: int


class PolicyOpinion(BaseModel):
    """Users' reactions to one policy's responses."""

    policy_id: str
    liked: Proportion = Field(description="Thumbs-up rate.")
    regenerated: Proportion = Field(description="Regeneration rate.")
    flagged: Proportion = Field(description="Rate of moderated responses.")
    failed: Proportion = Field(description="Responses that ended with an error.")
    slow: Proportion = Field(description="Rate of slow responses.")


class Opinions(BaseModel):
    """Reactions by policy, newest policy first."""

    since: float
    policies: list[PolicyOpinion]


class JudgementItem(Shape):
    """Feedback behind the numbers; its content only where the conversation allows training."""

    id: str
    kind: FeedbackKind
    author_id: str
    author_name: str | None = Field(None, description="Null once the author is erased.")
    policy_id: str | None
    target: str
    value: dict[str, Any] | None
    moderation: ModerationNotice | None = Field(description="Set where its text was flagged.")
    created_at: float
