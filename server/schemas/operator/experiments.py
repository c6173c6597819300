"""Trials, pins, the leaderboard and the schedule."""

from typing import Any

from pydantic import BaseModel, Field

from server.schemas.text import Body, Explanation, Name, Shape
from tutelage.tables import ExperimentKind, ExperimentState


class ExperimentItem(Shape):
    """A trial of a policy against the current one."""

    id: str
    kind: ExperimentKind
    state: ExperimentState
    team_id: str | None = Field(description="Only members of this team meet the policy.")
    policy_id: str
    control_id: str
    share: float
    side_by_side: bool
    automatic: bool
    rules: dict[str, Any]
    verdict: dict[str, Any] = Field(
        description="By metric: difference (challenger minus control), low, high, users."
    )
    looks: list[dict[str, float]] = Field(
        description="The daily looks at the comparisons so far: number, users, difference, low, "
        "high, and the time and information that the bound was made of."
    )
    reasons: list[str]
    started_by: str
    created_at: float
    ended_at: float | None


class ExperimentStart(Body):
    """A new trial and its rules."""

    policy_id: Name
    kind: ExperimentKind = Field(ExperimentKind.CANARY, strict=False)
    share: float = Field(0.1, gt=0, le=1, description="Share of users; of turns for a shadow.")
    side_by_side: bool = True
    automatic: bool = Field(
        True, description="Whether the rules promote and roll back automatically."
    )
    rules: dict[str, float] = Field(default_factory=dict)
    explanation: Explanation = ""


class ForecastRow(BaseModel):
    """What a trial would find if users preferred the policy by this much."""

    lead: float = Field(description="Share of comparisons won, above one half.")
    promoted: float = Field(description="Probability that the trial promotes it.")
    rolled_back: float = Field(description="Probability that the trial rolls it back.")
    days: float = Field(description="Expected length of the trial.")


class ForecastItem(BaseModel):
    """How long a trial that began now would take."""

    people: int = Field(description="Users who compared answers in the last 14 days.")
    comparisons: float = Field(description="Comparisons of each, per day.")
    days: float
    by_lead: list[ForecastRow] = Field(description="Empty if too few users compare answers.")


class ExperimentShare(Body):
    """A new share."""

    share: float = Field(gt=0, le=1)


class ShadowItem(BaseModel):
    """A response that was shown, and the shadow's response."""

    message_id: str
    prompt: str
    shown: str
    shadow: str
    action: str = Field(description="What moderation did with the shadow's response.")
    score: float | None = Field(
        description="The reward model's score of the shadow's response, once scored."
    )
    shown_score: float | None = Field(description="The score of the shown response.")
    created_at: float


class Pin(Shape):
    """A user who is pinned to one policy."""

    user_id: str
    policy_id: str
    created_at: float


class PinRequest(Body):
    """The policy to pin a user to."""

    policy_id: Name


class RatingItem(BaseModel):
    """A policy's Elo rating with its 95 % interval."""

    policy_id: str
    elo: float
    low: float
    high: float
    duels: int
    wins: float


class BoardItem(BaseModel):
    """A leaderboard from users' comparisons, or from the gate's reward models."""

    source: str
    ratings: list[RatingItem]
    elo_of_ten_words: float = Field(
        description="Elo points that ten more words gain (length bias)."
    )


class ScheduleItem(Shape):
    """When iterations start automatically."""

    team_id: str | None
    preset: str
    cron: str
    feedback: int
    canary: bool
    unproven: bool
    share: float
    days: float
    build_on_undecided: bool
    keep: int
    enabled: bool


class ScheduleState(BaseModel):
    """The active schedule and the next start."""

    schedule: ScheduleItem | None
    next_at: float | None = Field(description="The next start by the cron expression.")
    judgements: int = Field(description="New ratings since the newest iteration began.")


class ScheduleRequest(Body):
    """A new schedule."""

    team_id: Name | None = Field(
        None, description="Of this team's policies; null: the common ones."
    )
    preset: str = Field("quick", pattern="^(smoke|quick|standard)$")
    cron: str = Field(
        "", max_length=100, description="Cron expression of five fields, UTC; empty = off."
    )
    feedback: int = Field(0, ge=0, description="New ratings that trigger an iteration (0 = off).")
    canary: bool = True
    unproven: bool = Field(
        False,
        description="Also try inconclusive candidates (no metric worse, gain not significant).",
    )
    share: float = Field(0.1, gt=0, le=1)
    days: float = Field(
        14.0, gt=0, le=365, description="Stop an undecided trial after this many days."
    )
    build_on_undecided: bool = Field(
        False,
        description="Train from a challenger that users have not decided about, and end its trial "
        "(after a day at the earliest). The candidate is compared with the current policy.",
    )
    keep: int = Field(5, ge=1)
    enabled: bool = True
