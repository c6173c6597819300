"""Why moderation acted, appeals against it, and what operators decide."""

from typing import Literal

from pydantic import BaseModel, Field

from moderation.rules import ModerationRules
from server.schemas.text import Body, Shape, Text
from tutelage.chat.appeals import COMMENT_LIMIT
from tutelage.tables import AppealState


class Finding(BaseModel):
    """One category that reached its threshold."""

    category: str
    score: float
    threshold: float
    span: list[int] | None = Field(
        description="Characters [start, end) of the text that carry the score; null where no "
        "part alone does, or where that part was withheld."
    )


class AppealItem(Shape):
    """An objection to a verdict, as its author sees it."""

    id: str
    state: AppealState
    comment: str
    answer: str = Field(description="What the operator answered.")
    created_at: float
    decided_at: float | None


class VerdictDetail(BaseModel):
    """What moderation did with a message, why, and what became of an appeal."""

    message_id: str
    role: str
    action: str
    classifier: str = Field(description="The version that scored it.")
    failed: bool = Field(description="The classifier failed, so that nothing was decided on.")
    text: str = Field(description="What was shown of the message.")
    withheld: bool = Field(description="Whether there was more, which nobody was shown.")
    findings: list[Finding] = Field(description="Most severe first; spans are of `text`.")
    appeal: AppealItem | None


class AppealRequest(Body):
    """Why the verdict is wrong; may be empty."""

    comment: Text = Field("", max_length=COMMENT_LIMIT)


class AppealCase(AppealItem):
    """An appeal with all that is needed to decide it."""

    message_id: str
    role: str
    action: str
    classifier: str
    categories: list[str]
    scores: dict[str, float]
    thresholds: dict[str, float]
    text: str = Field(description="The whole text that was moderated, also what was withheld.")
    shown: int = Field(description="How many characters of it were shown.")
    prompt: str = Field(description="What the message answers, if it is an answer.")
    training: bool = Field(description="Whether the decision may be learned from.")
    labels: dict[str, int] | None


class AppealDecision(Body):
    """Which categories hold. With none the appeal is won."""

    labels: dict[str, Literal[0, 1]]
    answer: Text = Field("", max_length=COMMENT_LIMIT, description="Told to the person.")


class RulesChange(Body):
    """The rules to put in force; null goes back to those of the settings."""

    rules: ModerationRules | None


class RulesVersion(Shape):
    """Rules that were in force; null rules are those of the settings."""

    id: str
    author_id: str
    rules: ModerationRules | None
    created_at: float


class RulesInForce(BaseModel):
    """What applies to the next turn, and where it comes from."""

    rules: ModerationRules
    set_by_operator: bool = Field(description="False: the settings' rules are in force.")
    classifier: str | None = Field(description="Null: moderation is switched off.")
    history: list[RulesVersion] = Field(description="Newest first.")


class DecidedScore(BaseModel):
    """What the classifier made of a text of which an operator decided."""

    score: float
    holds: bool


class ThresholdEffect(BaseModel):
    """What thresholds of 0, 0.01 … 1 do in one category."""

    category: str
    positives: int = Field(description="Labelled texts that are harmful in this category.")
    recall: list[float] = Field(description="Share of them that is caught; empty: unmeasured.")
    precision: list[float] = Field(description="Share of what is caught that is harmful.")
    false_alarms: list[float] = Field(description="Share of everyday texts that is caught.")
    recent: list[int] = Field(description="Messages among the newest that would be caught.")
    recent_messages: int
    decisions: list[DecidedScore] = Field(description="Of decided appeals.")
    suggested: float | None = Field(description="A threshold that serves the decisions better.")


class Effects(BaseModel):
    """The effect of thresholds on the labelled set, on recent messages and on decided appeals."""

    side: Literal["prompt", "response"]
    classifier: str | None
    categories: list[ThresholdEffect]


class MeasuredCategory(BaseModel):
    """How well harm of one category ranks above the rest, with 95 % intervals; null where only
    one label occurs."""

    category: str
    positives: int
    auprc: float | None
    interval: list[float] | None
    openai: float | None = Field(description="On OpenAI's labelled texts only.")
    openai_interval: list[float] | None


class MeasuredFigure(BaseModel):
    """One figure with its 95 % interval."""

    name: str
    value: float | None
    interval: list[float] | None


class MeasuredShare(BaseModel):
    """What the shipped thresholds for prompts do with one kind of texts."""

    name: str
    texts: int
    flagged: float
    interval: list[float]
    blocked: float


class MeasuredGroup(BaseModel):
    """False alarms among harmless texts that name a group of people."""

    group: str
    texts: int
    flagged: float


class MeasuredTenth(BaseModel):
    """Labels that scored within one tenth: the mean score, and how many hold."""

    labels: int
    score: float
    harmful: float


class MeasuredFigures(BaseModel):
    """The figures of the card, to be drawn."""

    version: str
    texts: int = Field(description="Each judged by heads that were not trained on it.")
    reported: int = Field(description="Of these, no threshold was set on.")
    categories: list[MeasuredCategory]
    overall: list[MeasuredFigure]
    shares: list[MeasuredShare]
    groups: list[MeasuredGroup]
    calibration: list[MeasuredTenth]


class FilterCard(BaseModel):
    """What is known of the filter that ships."""

    card: str = Field(description="Markdown: data, results with intervals, known failures.")
    measured: MeasuredFigures
    classifier: str | None = Field(description="The version that runs.")
