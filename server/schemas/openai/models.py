"""Models: the alias of the current policy, and every policy version."""

from typing import Literal

from pydantic import BaseModel, Field


class ModelDivergence(BaseModel):
    """How far a policy is, as it is served, from the one that was trained."""

    mean: float = Field(description="Absolute difference of log-probabilities, in nats.")
    largest: float
    greedy: float = Field(description="Share of places with the same likeliest token.")


class ModelItem(BaseModel):
    """A policy version, or `tutelage` for whatever is current."""

    id: str = Field(examples=["tutelage", "policy-0003"])
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "tutelage"
    policy_id: str | None = Field(None, description="Ours: the policy behind the name.")
    state: str = Field(description="Ours: candidate, canary, current, retired or rejected.")
    available: bool = Field(description="Ours: whether you can ask it by name.")
    divergence: ModelDivergence | None = Field(
        None, description="Ours: measured at loading with TUTELAGE_WEIGHTS=int8; else null."
    )


class ModelList(BaseModel):
    """All models."""

    object: Literal["list"] = "list"
    data: list[ModelItem]
