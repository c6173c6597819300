"""Policies on trial, pins, the leaderboard and the schedule, as operators see and set them."""

from typing import Any

from pydantic import BaseModel, Field

from server.schemas.text import Body, Explanation, Name, Shape
from tutelage.tables import ExperimentKind, ExperimentState


class ExperimentItem(Shape):
    """A policy on trial beside the current one."""

    id: str
    kind: ExperimentKind
    state: ExperimentState
    policy_id: str
    control_id: str
    share: float
    side_by_side: bool
    automatic: bool
    rules: dict[str, Any]
    verdict: dict[str, Any] = Field(
        description="By measure: difference (challenger minus control), low, high, people."
    )
    reasons: list[str]
    started_by: str
    created_at: float
    ended_at: float | None


class ExperimentStart(Body):
    """What to put on trial, and by which rules."""

    policy_id: Name
    kind: ExperimentKind = Field(ExperimentKind.CANARY, strict=False)
    share: float = Field(0.1, gt=0, le=1, description="Of the people; of the turns for a shadow.")
    side_by_side: bool = True
    automatic: bool = Field(True, description="The rules promote and roll back by themselves.")
    rules: dict[str, float] = Field(default_factory=dict)
    explanation: Explanation = ""


class ExperimentShare(Body):
    """A new share."""

    share: float = Field(gt=0, le=1)


class ShadowItem(BaseModel):
    """An answer that was shown, and the one that a shadow wrote."""

    message_id: str
    prompt: str
    shown: str
    shadow: str
    action: str = Field(description="What moderation would have done with the shadow's.")
    score: float | None = Field(description="The reward model's for the shadow's, once judged.")
    shown_score: float | None = Field(description="And for what was shown.")
    created_at: float


class Pin(Shape):
    """Somebody who always meets one policy."""

    user_id: str
    policy_id: str
    created_at: float


class PinRequest(Body):
    """Which policy somebody is to meet."""

    policy_id: Name


class RatingItem(BaseModel):
    """A policy's strength on Elo's scale, with its 95 % interval."""

    policy_id: str
    elo: float
    low: float
    high: float
    duels: int
    wins: float


class BoardItem(BaseModel):
    """A leaderboard: judged by people, or by the gate's reward models."""

    source: str
    ratings: list[RatingItem]
    elo_of_ten_words: float = Field(description="What ten more words win by themselves.")


class ScheduleItem(Shape):
    """When iterations start by themselves."""

    preset: str
    cron: str
    feedback: int
    canary: bool
    unproven: bool
    share: float
    days: float
    keep: int
    enabled: bool


class ScheduleState(BaseModel):
    """The schedule in force, and what comes next."""

    schedule: ScheduleItem | None
    next_at: float | None = Field(description="When the clock starts the next iteration.")
    judgements: int = Field(description="Made since the newest iteration began.")


class ScheduleRequest(Body):
    """A new schedule."""

    preset: str = Field("quick", pattern="^(smoke|quick|standard)$")
    cron: str = Field("", max_length=100, description="Five fields, UTC; empty: not by the clock.")
    feedback: int = Field(0, ge=0, description="Start after so many judgements; 0: never.")
    canary: bool = True
    unproven: bool = Field(
        False, description="Also try candidates whose gain may be chance but that are no worse."
    )
    share: float = Field(0.1, gt=0, le=1)
    days: float = Field(14.0, gt=0, le=365, description="After these a trial stops undecided.")
    keep: int = Field(5, ge=1)
    enabled: bool = True
