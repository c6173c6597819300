"""Models: the alias of the current policy, and every policy version."""

from typing import Literal

from pydantic import BaseModel, Field


class ModelDivergence(BaseModel):
    """The divergence of a policy as served from the policy as trained."""

    mean: float = Field(description="Absolute difference of log-probabilities, in nats.")
    largest: float
    greedy: float = Field(description="Share of positions with the same most likely token.")


class ModelItem(BaseModel):
    """A policy version, or `tutelage` for the current one."""

    id: str = Field(examples=["tutelage", "policy-0003"])
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "tutelage"
    policy_id: str | None = Field(None, description="tutelage extension: the policy version.")
    state: str = Field(
        description="tutelage extension: candidate, canary, current, retired or rejected."
    )
    available: bool = Field(description="tutelage extension: whether you may request it by name.")
    divergence: ModelDivergence | None = Field(
        None,
        description="tutelage extension: measured with TUTELAGE_WEIGHTS=int8; else null.",
    )


class ModelList(BaseModel):
    """All models."""

    object: Literal["list"] = "list"
    data: list[ModelItem]
