"""Moderations: OpenAI's request and response, for text."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from server.schemas.openai.chat import Part
from server.schemas.text import Body, Text

MAX_INPUTS = 64


def _input_tag(value: Any) -> str:
    if not isinstance(value, list):
        return "text"
    first = value[0] if value else ""
    return "texts" if isinstance(first, str) else "parts"


ModerationInput = Annotated[
    Annotated[Text, Tag("text")]
    | Annotated[list[Text], Field(min_length=1, max_length=MAX_INPUTS), Tag("texts")]
    | Annotated[list[Part], Field(min_length=1, max_length=MAX_INPUTS), Tag("parts")],
    Discriminator(_input_tag),
]


class ModerationRequest(Body):
    """Texts to score. A list of parts is one input; a list of strings is one each."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"input": ["I will hurt you", "Good morning"]}]}
    )

    input: ModerationInput
    model: Text | None = Field(
        None, description="Accepted for compatibility; there is one classifier."
    )


class ModerationResult(BaseModel):
    """The 13 categories of one input."""

    flagged: bool
    categories: dict[str, bool] = Field(description="Whether the score reached the threshold.")
    category_scores: dict[str, float] = Field(description="0 to 1.")
    category_applied_input_types: dict[str, list[Literal["text"]]]


class Moderation(BaseModel):
    """The results, in the order of the inputs."""

    id: str
    model: str = Field(description="The classifier's version.")
    results: list[ModerationResult]
