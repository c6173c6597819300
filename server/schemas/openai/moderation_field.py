"""The ``moderation`` field of completions: options of the request, scores of the response."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from server.schemas.text import Body, Name


class ModerationMode(Body):
    """``score`` reports; ``block`` also withholds flagged text of any category."""

    mode: Literal["score", "block"]


class ModerationSides(Body):
    """What happens to flagged text on each side; default: score."""

    input: ModerationMode | None = None
    output: ModerationMode | None = None


class ModerationOptions(Body):
    """Ask for moderation results with the completion.

    The operator's rules apply as well: a request can make them stricter, never weaker.
    """

    model: Name = Field(description="Any name; there is one classifier.")
    policy: ModerationSides | None = None

    def mode(self, side: Literal["input", "output"]) -> str:
        """The mode of one side."""
        chosen = getattr(self.policy, side) if self.policy else None
        return chosen.mode if chosen else "score"


class ModerationScores(BaseModel):
    """The 13 categories of one text."""

    type: Literal["moderation_result"]
    model: str
    flagged: bool
    categories: dict[str, bool]
    category_scores: dict[str, float]
    category_applied_input_types: dict[str, list[Literal["text"]]]


class ModerationResults(BaseModel):
    """The scores of the prompt, or of each response in the order of the choices."""

    type: Literal["moderation_results"]
    model: str
    results: list[ModerationScores]


class ModerationFailure(BaseModel):
    """Why there are no scores."""

    type: Literal["error"]
    code: str
    message: str


ModerationOutcome = Annotated[ModerationResults | ModerationFailure, Field(discriminator="type")]


class Moderated(BaseModel):
    """The results, when a request asked for them."""

    input: ModerationOutcome
    output: ModerationOutcome
