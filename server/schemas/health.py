"""Liveness and readiness."""

from typing import Literal

from pydantic import BaseModel, Field


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class ReadyState(BaseModel):
    """Whether chat turns can be answered."""

    status: Literal["ready", "not_ready"]
    policy: str | None = Field(description="The loaded policy.")
    problem: str | None = Field(description="What stands in the way, or went wrong at the swap.")
