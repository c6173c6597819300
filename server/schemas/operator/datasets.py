"""Imported data sets, as operators see them."""

from pydantic import BaseModel, Field


class DatasetItem(BaseModel):
    """One source."""

    id: str
    name: str
    format: str
    licence: str = Field(description="Or whose consent it rests on.")
    origin: str
    examples: int
    demonstrations: int
    rankings: int
    kept: int = Field(description="Examples in the store; fewer while it is being imported.")
    created_at: float


class Unusable(BaseModel):
    """Why rows are left out, and which."""

    reason: str
    rows: list[int] = Field(description="Numbers of the first of them.")
    count: int


class Flagged(BaseModel):
    """Examples that moderation would have warned of or blocked."""

    category: str
    rows: list[int] = Field(description="Numbers of the first of their rows.")
    count: int


class DatasetReport(BaseModel):
    """What a file holds."""

    format: str
    rows: int
    demonstrations: int
    rankings: int
    comparisons: int
    duplicates: int
    problems: list[Unusable]
    moderated: bool = Field(description="Whether moderation looked; false where it is off.")
    flagged: list[Flagged]
    suspects: int = Field(description="Flagged examples, each counted once.")
    excluded: int = Field(description="Flagged examples that were left out, as asked.")
    kept: int = Field(description="Examples that were kept now; 0 when it was only checked.")


class DatasetErased(BaseModel):
    """A source that is gone."""

    id: str
    policies: list[str] = Field(description="Policies that had learned from it.")
