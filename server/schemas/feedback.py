"""Feedback: thumbs, rankings with ties, edits and reports, distinguished by ``kind``."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from server.schemas.openai.chat import ModerationNotice
from server.schemas.text import Body, Name, Shape, Text
from tutelage.tables import FeedbackKind

Comment = Annotated[Text, Field(max_length=4000)]
REASONS = {  # that the web UI offers, by the thumb that they explain; others are taken as given
    "up": frozenset({"correct", "clear", "complete", "right_length", "good_tone"}),
    "down": frozenset(
        {"incorrect", "off_topic", "too_long", "too_short", "unclear", "bad_tone", "wrong"}
    ),
}
ChoiceIndex = Annotated[int, Field(ge=0, le=1000)]


class _OnAnswer(Body):
    completion_id: Name | None = Field(None, description="The completion, together with `choice`.")
    choice: ChoiceIndex = Field(0, description="Index of the completion's choice.")
    message_id: Name | None = Field(
        None, description="The response's message id, instead of the two."
    )


class ThumbsRequest(_OnAnswer):
    """Thumbs up or down, with reasons."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"message_id": "msg_…", "kind": "thumbs", "value": "down",
                          "reasons": ["wrong"], "comment": "17 + 25 is 42."}]
        }
    )  # fmt: skip

    kind: Literal["thumbs"]
    value: Literal["up", "down"]
    reasons: list[Annotated[Text, Field(min_length=1, max_length=100)]] = Field(
        default_factory=list, max_length=10
    )
    comment: Comment = ""

    @field_validator("reasons")
    @classmethod
    def _of_this_side(cls, reasons: list[str], info: ValidationInfo) -> list[str]:
        value = info.data.get("value")
        other = REASONS["down" if value == "up" else "up"]
        for reason in reasons:
            if value and reason in other:
                raise PydanticCustomError(
                    "invalid_reason",
                    "The reason {reason} contradicts a thumb {value}",
                    {"reason": repr(reason), "value": value},
                )
        return reasons


class RankingRequest(Body):
    """Responses to one prompt from best to worst; an inner list holds ties."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"completion_id": "chatcmpl-…", "kind": "ranking",
                          "ranking": [[2], [0, 1], [3]], "positions": [2, 0, 1, 3]}]
        }
    )  # fmt: skip

    kind: Literal["ranking"]
    completion_id: Name | None = Field(None, description="With it, `ranking` holds choice indexes.")
    parent_id: Name | None = Field(
        None, description="The prompt; with it, `ranking` holds message ids of its responses."
    )
    ranking: list[list[ChoiceIndex] | list[Name]] = Field(max_length=100)
    positions: list[ChoiceIndex] | list[Name] | None = Field(
        None, max_length=100, description="The responses in the order in which they were shown."
    )


class EditRequest(_OnAnswer):
    """The text that the response should have had."""

    kind: Literal["edit"]
    text: Text = Field(min_length=1, max_length=32_000)


class ReportRequest(_OnAnswer):
    """A report of a harmful, biased or otherwise unacceptable response."""

    kind: Literal["report"]
    category: Text = Field(min_length=1, max_length=100)
    comment: Comment = ""


FeedbackRequest = Annotated[
    ThumbsRequest | RankingRequest | EditRequest | ReportRequest, Field(discriminator="kind")
]


class FeedbackItem(Shape):
    """Active feedback. ``value`` by kind: thumbs {value, reasons, comment}; ranking
    {ranking: [[message id]]}; edit {text}; report {category, comment}."""

    id: str
    kind: FeedbackKind
    target: str = Field(description="The rated message; for a ranking the completion or prompt.")
    value: dict[str, Any]
    moderation: ModerationNotice | None = Field(
        None, description="Set where the text was flagged; a flagged edit is not learned from."
    )
    created_at: float
