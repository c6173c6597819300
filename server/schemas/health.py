"""Liveness and readiness."""

from typing import Literal

from pydantic import BaseModel, Field


class Health(BaseModel):
    """The process is running."""

    status: Literal["ok"] = "ok"


class ReadyState(BaseModel):
    """Whether the service can respond to chat turns."""

    status: Literal["ready", "not_ready"]
    policy: str | None = Field(description="The loaded policy.")
    engine: str = Field(description="What computes the policy, and why.")
    problem: str | None = Field(
        description="Why the service is not ready, or why the promoted policy is not loaded."
    )
