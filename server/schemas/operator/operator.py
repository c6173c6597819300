"""Operators' views: iterations, policies, reports, moderation, audit."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from server.schemas.taught import SignalReliability
from server.schemas.text import Body, Explanation, Name, Shape, Text
from tutelage.tables import IterationState, PolicyState, ReportState


class Readiness(BaseModel):
    """Whether there is enough feedback for an iteration."""

    ready: bool
    missing: list[str] = Field(description="What is missing, one sentence each.")


class OperatorSummary(BaseModel):
    """The service at a glance."""

    current_policy: str | None = Field(description="The promoted policy.")
    loaded_policy: str | None = Field(description="The policy that is loaded in this process.")
    load_error: str | None = Field(description="Why the promoted policy could not be loaded.")
    feedback: dict[str, int] = Field(description="Active feedback, by kind.")
    conversations: int
    consented_conversations: int
    policies: int
    users: int
    open_reports: int
    ready: dict[str, Readiness] = Field(description="By preset.")


class IterationItem(Shape):
    """A feedback iteration."""

    id: str
    state: IterationState
    preset: str
    team_id: str | None = Field(description="The team whose policy it trains; null: everyone's.")
    parent_policy_id: str = Field(description="The policy that it trains from.")
    baseline_policy_id: str = Field(
        description="The current policy when it was requested; the gate compares with it."
    )
    policy_id: str | None
    config_sha256: str | None
    snapshot_sha256: str | None
    progress: dict[str, Any]
    metrics: dict[str, Any]
    decision: str | None
    reasons: list[str]
    requested_by: str | None
    created_at: float
    started_at: float | None
    finished_at: float | None


class SignalWeight(SignalReliability):
    """A signal over the chats of an iteration's side that trains."""

    weight: float = Field(
        description="Of a pair that it orders, where a judged one has 1; 0: it was not used."
    )


class StageMetrics(BaseModel):
    """Metrics of each stage; empty until it has begun."""

    sft: list[dict[str, Any]] = Field(description="A row per step.")
    reward_model: dict[str, Any] = Field(
        description="How well each reward model predicts rankings."
    )
    ppo: list[dict[str, Any]] = Field(description="A row per update.")
    signals: list[SignalWeight] = Field(
        description="How far what people did with responses agrees with what they said of them."
    )


class IterationDetail(IterationItem):
    """An iteration with its curves."""

    stages: StageMetrics
    report: str | None = Field(description="Path of the HTML report; null until it is written.")


class IterationRequest(Body):
    """A new iteration."""

    preset: Literal["smoke", "quick", "standard"] = "quick"
    team_id: Name | None = Field(None, description="Train a policy of this team.")


class LadderRequest(Body):
    """Which part of a ladder people are to compare."""

    rungs: int = Field(4, ge=3, le=5, description="Spread over the ladder by KL.")
    prompts: int = Field(24, ge=1, le=500)
    overlap: int = Field(1, ge=1, le=20, description="Labelers who rank each prompt.")


class RungRating(Shape):
    """The strength of a rung or policy on the Elo scale, with a 95 % interval."""

    policy_id: str = Field(description="policy-0003@8x0.5: update 8, its adapter halved.")
    elo: float
    low: float
    high: float
    duels: int


class LadderItem(Shape):
    """What people prefer among the rungs of an iteration, its candidate and the current policy."""

    tasks: int = Field(description="Ranking tasks that were made.")
    ranked: int = Field(description="How many of them have been ranked.")
    waiting: bool = Field(description="A worker is still to write the responses.")
    problem: str | None
    ratings: list[RungRating]
    proposed: str | None = Field(
        description="The rung with the highest lower end, if that is above the current policy."
    )


class PolicyItem(Shape):
    """A policy version."""

    id: str
    team_id: str | None = Field(description="The team whose policy it is; null: everyone's.")
    parent_id: str | None
    iteration_id: str | None
    state: PolicyState
    manifest_sha256: str
    created_at: float
    promoted_at: float | None
    metrics: dict[str, Any] = Field(default_factory=dict, description="From its manifest.")


class PolicyDetail(PolicyItem):
    """A policy version with its manifest and card."""

    manifest: dict[str, Any]
    card: str = Field(description="Markdown.")


class PromotionRequest(Body):
    """The explanation of a promotion."""

    explanation: Explanation = ""


class ReportAgain(BaseModel):
    """What a policy says to the reported prompt."""

    policy_id: str
    content: str
    fails: bool = Field(description="Whether it is as bad as the reported response.")
    blocked: bool = Field(description="Whether moderation cut it off.")


class ReportItem(Shape):
    """A report of a harmful or biased response."""

    id: str
    message_id: str
    category: str
    comment: str
    state: ReportState
    created_at: float
    rubric: dict[str, int] | None
    duplicate_of: str | None
    credit: str
    note: str
    answer: str = Field(description="What the reporter reads.")
    again: ReportAgain | None
    content: str = Field(description="The reported response.")
    prompt: str = Field(description="The prompt.")
    policy_id: str | None


class ReportChange(Body):
    """The triage."""

    state: ReportState = Field(strict=False)
    rubric: dict[str, int] | None = Field(None, description="severity, novelty, harm: 0 to 3.")
    duplicate_of: Name | None = None
    pattern: str = Field(
        "", max_length=200, description="Phrases that must not appear in a response."
    )
    credit: str = Field(
        "", max_length=100, description="Credit to the reporter, as they wish to be named."
    )
    note: str = Field("", max_length=2000, description="For operators.")
    answer: Text = Field("", max_length=2000, description="For the reporter, in their inbox.")


class AlikeReport(BaseModel):
    """A possible duplicate of a report."""

    id: str
    alike: float
    state: ReportState
    comment: str
    content: str = Field(description="The reported response.")


class ModerationItem(Shape):
    """A moderation verdict that led to an action."""

    id: str
    message_id: str
    role: str
    classifier: str
    action: str
    categories: list[str]
    scores: dict[str, float]
    thresholds: dict[str, float]
    span: list[int] | None
    excerpt: str = Field(description="The first characters of the message.")
    created_at: float


class AuditItem(Shape):
    """An entry of the hash-chained audit log."""

    seq: int
    at: float
    actor: str
    actor_name: str | None = Field(None, description="The actor's name, if it is a user.")
    action: str
    subject: str
    subject_name: str | None = Field(None, description="The subject's name, if it is a user.")
    details: dict[str, Any]
    previous_sha256: str
    sha256: str
