"""Moderation verdicts, appeals against them, and operators' decisions."""

from typing import Literal

from pydantic import BaseModel, Field

from moderation.rules import ModerationRules
from server.schemas.text import Body, Shape, Text
from tutelage.chat.appeals import COMMENT_LIMIT
from tutelage.tables import AppealState


class Finding(BaseModel):
    """A category whose score reached its threshold."""

    category: str
    score: float
    threshold: float
    span: list[int] | None = Field(
        description="Characters [start, end) of the text that carry the score; null where no "
        "part alone does, or where that part was withheld."
    )


class AppealItem(Shape):
    """An appeal against a verdict, as its author sees it."""

    id: str
    state: AppealState
    comment: str
    answer: str = Field(description="The operator's reply.")
    created_at: float
    decided_at: float | None


class VerdictDetail(BaseModel):
    """What moderation did with a message, why, and the state of an appeal."""

    message_id: str
    role: str
    action: str
    classifier: str = Field(description="The classifier's version.")
    failed: bool = Field(
        description="Whether the classifier failed, so that the text was not scored."
    )
    text: str = Field(description="The shown part of the message.")
    withheld: bool = Field(description="Whether a further part was not shown.")
    findings: list[Finding] = Field(description="Most severe first; spans refer to `text`.")
    appeal: AppealItem | None


class AppealRequest(Body):
    """Why the verdict is wrong; may be empty."""

    comment: Text = Field("", max_length=COMMENT_LIMIT)


class AppealCase(AppealItem):
    """An appeal with everything that its reviewer needs."""

    message_id: str
    role: str
    action: str
    classifier: str
    categories: list[str]
    scores: dict[str, float]
    thresholds: dict[str, float]
    text: str = Field(description="The whole moderated text, including the withheld part.")
    shown: int = Field(description="Number of characters of it that were shown.")
    prompt: str = Field(description="The prompt, if the message is a response.")
    training: bool = Field(description="Whether the decision may be used for training.")
    labels: dict[str, int] | None


class AppealDecision(Body):
    """The categories that apply. With none the verdict is overturned."""

    labels: dict[str, Literal[0, 1]]
    answer: Text = Field("", max_length=COMMENT_LIMIT, description="Shown to the user.")


class RulesChange(Body):
    """The rules to activate; null restores those of the settings."""

    rules: ModerationRules | None


class RulesVersion(Shape):
    """Previously active rules; null stands for those of the settings."""

    id: str
    author_id: str
    rules: ModerationRules | None
    created_at: float


class RulesInForce(BaseModel):
    """The active rules and their source."""

    rules: ModerationRules
    set_by_operator: bool = Field(description="False: the rules of the settings are active.")
    classifier: str | None = Field(description="Null: moderation is disabled.")
    history: list[RulesVersion] = Field(description="Newest first.")


class DecidedScore(BaseModel):
    """The classifier's score of a text that an operator decided on."""

    score: float
    holds: bool


class ThresholdEffect(BaseModel):
    """The effect of thresholds 0, 0.01 … 1 in one category."""

    category: str
    positives: int = Field(description="Labelled texts that are harmful in this category.")
    recall: list[float] = Field(description="Share of them that is flagged; empty: not measured.")
    precision: list[float] = Field(description="Share of flagged texts that are harmful.")
    false_alarms: list[float] = Field(description="Share of everyday texts that are flagged.")
    recent: list[int] = Field(description="Recent messages that would be flagged.")
    recent_messages: int
    decisions: list[DecidedScore] = Field(description="Of decided appeals.")
    suggested: float | None = Field(
        description="A threshold that agrees better with the decisions."
    )


class Effects(BaseModel):
    """The effect of thresholds on the labelled set, on recent messages and on decided appeals."""

    side: Literal["prompt", "response"]
    classifier: str | None
    categories: list[ThresholdEffect]


class MeasuredCategory(BaseModel):
    """Detection quality in one category, with 95 % intervals; null where only
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
    """Flag rates of the default prompt thresholds on one kind of texts."""

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
    """Calibration within one tenth of scores: the mean score, and the share of harmful labels."""

    labels: int
    score: float
    harmful: float


class MeasuredFigures(BaseModel):
    """The figures of the model card, as data."""

    version: str
    texts: int = Field(description="Each scored by heads that were not trained on it.")
    reported: int = Field(description="Texts not used to set thresholds.")
    categories: list[MeasuredCategory]
    overall: list[MeasuredFigure]
    shares: list[MeasuredShare]
    groups: list[MeasuredGroup]
    calibration: list[MeasuredTenth]


class FilterCard(BaseModel):
    """The model card of the default filter."""

    card: str = Field(description="Markdown: data, results with intervals, known failures.")
    measured: MeasuredFigures
    classifier: str | None = Field(description="The active version.")
