"""Feedback: thumbs, rankings with ties, edits and reports, told apart by ``kind``."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from server.schemas.text import Body, Name, Shape, Text
from tutelage.tables import FeedbackKind

Comment = Annotated[Text, Field(max_length=4000)]
ChoiceIndex = Annotated[int, Field(ge=0, le=1000)]


class _OnAnswer(Body):
    completion_id: Name | None = Field(None, description="The completion, together with `choice`.")
    choice: ChoiceIndex = Field(0, description="Which answer of the completion.")
    message_id: Name | None = Field(None, description="The answer itself, instead of the two.")


class ThumbsRequest(_OnAnswer):
    """An answer is good or bad, and why."""

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


class RankingRequest(Body):
    """Answers to one prompt from best to worst; an inner list holds equals."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"completion_id": "chatcmpl-…", "kind": "ranking",
                          "ranking": [[2], [0, 1], [3]], "positions": [2, 0, 1, 3]}]
        }
    )  # fmt: skip

    kind: Literal["ranking"]
    completion_id: Name | None = Field(None, description="Then `ranking` holds choice indexes.")
    parent_id: Name | None = Field(
        None, description="The prompt; then `ranking` holds ids of its answers."
    )
    ranking: list[list[ChoiceIndex] | list[Name]] = Field(max_length=100)
    positions: list[ChoiceIndex] | list[Name] | None = Field(
        None, max_length=100, description="The answers in the order in which they were shown."
    )


class EditRequest(_OnAnswer):
    """What the answer should have been."""

    kind: Literal["edit"]
    text: Text = Field(min_length=1, max_length=32_000)


class ReportRequest(_OnAnswer):
    """The answer is harmful, biased or otherwise unacceptable."""

    kind: Literal["report"]
    category: Text = Field(min_length=1, max_length=100)
    comment: Comment = ""


FeedbackRequest = Annotated[
    ThumbsRequest | RankingRequest | EditRequest | ReportRequest, Field(discriminator="kind")
]


class FeedbackItem(Shape):
    """A judgement that stands. ``value`` by kind: thumbs {value, reasons, comment}; ranking
    {ranking: [[message id]]}; edit {text}; report {category, comment}."""

    id: str
    kind: FeedbackKind
    target: str = Field(description="The message judged; for a ranking the completion or prompt.")
    value: dict[str, Any]
    created_at: float
