"""Imported data sets, as operators see them."""

from pydantic import BaseModel, Field


class DatasetItem(BaseModel):
    """One imported data set."""

    id: str
    name: str
    format: str
    licence: str = Field(description="Licence or basis of consent.")
    origin: str
    examples: int
    demonstrations: int
    thumbs: int
    rankings: int
    kept: int = Field(description="Stored examples; fewer while it is being imported.")
    created_at: float


class Unusable(BaseModel):
    """Rows that were skipped for one reason."""

    reason: str
    rows: list[int] = Field(description="The first row numbers.")
    count: int


class Flagged(BaseModel):
    """Examples that moderation would warn of or block."""

    category: str
    rows: list[int] = Field(description="The first row numbers.")
    count: int


class DatasetReport(BaseModel):
    """The report on a file."""

    format: str
    rows: int
    demonstrations: int
    thumbs: int
    rankings: int
    comparisons: int
    duplicates: int
    problems: list[Unusable]
    moderated: bool = Field(
        description="Whether the examples were moderated; false where moderation is disabled."
    )
    flagged: list[Flagged]
    suspects: int = Field(description="Flagged examples, each counted once.")
    excluded: int = Field(description="Flagged examples that were excluded on request.")
    kept: int = Field(description="Examples imported; 0 when the file was only checked.")


class DatasetErased(BaseModel):
    """An erased data set."""

    id: str
    policies: list[str] = Field(description="Policies that were trained on it.")
