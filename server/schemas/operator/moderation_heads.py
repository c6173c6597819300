"""Moderation heads that learned from appeals, as operators see and choose them."""

from pydantic import BaseModel, Field

from server.schemas.text import Body


class FilterAgreement(BaseModel):
    """The share of decided labels that the filter gets right."""

    labels: int
    before: float = Field(description="By the heads that ship.")
    after: float | None = Field(
        description="By heads that never saw the conversation; null: there is only one."
    )


class ReferenceMetrics(BaseModel):
    """What the filter makes of texts that nobody appealed."""

    any: float | None = Field(description="AUPRC of any harm.")
    everyday: float = Field(description="Share of everyday texts that is flagged.")


class ReferenceTexts(BaseModel):
    """What learning changes for the texts that were written for the project."""

    texts: int
    before: ReferenceMetrics
    after: ReferenceMetrics


class LearnedHeads(BaseModel):
    """Heads that learned from appeals."""

    version: str
    base: str = Field(description="The heads from which they started.")
    decisions: int
    examples_sha256: str = Field(description="Of the frozen examples.")
    created_at: float
    agreement: FilterAgreement
    written: ReferenceTexts
    no_longer_allowed: int = Field(
        description="Conversations behind it that were erased or withdrawn since."
    )


class Learning(BaseModel):
    """What could be learned, what was, and what is in force."""

    decisions: int = Field(description="Decided appeals that may be learned from now.")
    withheld: int = Field(description="Decided ones whose owner does not let them be learned from.")
    in_force: str | None = Field(description="Null: the heads that ship.")
    running: str | None = Field(description="What this service reads with at present.")
    heads: list[LearnedHeads] = Field(description="Newest first.")


class HeadsChoice(Body):
    """The heads to put in force; null goes back to those that ship."""

    version: str | None = Field(max_length=200)
