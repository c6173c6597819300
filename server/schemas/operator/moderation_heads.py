"""Moderation heads retrained on decided appeals."""

from pydantic import BaseModel, Field

from server.schemas.text import Body


class FilterAgreement(BaseModel):
    """The filter's accuracy on decided labels."""

    labels: int
    before: float = Field(description="Of the default heads.")
    after: float | None = Field(
        description="Cross-validated over conversations; null: there is only one."
    )


class ReferenceMetrics(BaseModel):
    """The filter's quality on texts without appeals."""

    any: float | None = Field(description="AUPRC, any harm.")
    everyday: float = Field(description="Share of everyday texts that are flagged.")


class ReferenceTexts(BaseModel):
    """The effect of retraining on the project's own test texts."""

    texts: int
    before: ReferenceMetrics
    after: ReferenceMetrics


class LearnedHeads(BaseModel):
    """Heads retrained on decided appeals."""

    version: str
    base: str = Field(description="The heads that training started from.")
    decisions: int
    examples_sha256: str = Field(description="Hash of the frozen examples.")
    created_at: float
    agreement: FilterAgreement
    written: ReferenceTexts
    no_longer_allowed: int = Field(
        description="Training conversations that were erased or withdrawn since."
    )


class Learning(BaseModel):
    """Available decisions, retrained heads, and the active heads."""

    decisions: int = Field(description="Decided appeals available for training.")
    withheld: int = Field(description="Decided appeals whose owner has not consented to training.")
    in_force: str | None = Field(description="Null: the default heads.")
    running: str | None = Field(description="The classifier version that this process uses.")
    load_error: str | None = Field(description="Why this process does not use the active heads.")
    heads: list[LearnedHeads] = Field(description="Newest first.")


class HeadsChoice(Body):
    """The heads to activate; null restores the default heads."""

    version: str | None = Field(max_length=200)
