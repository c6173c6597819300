"""What labelers are asked and what they answer; what operators see of it."""

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field

from server.schemas.text import Body, Name, Text
from tutelage.tables import FeedbackKind, Message

Seconds = Annotated[float, Field(ge=0, le=86_400, strict=False)]
TaskKind = Literal["ranking", "demonstration"]
Content = Annotated[Text, Field(min_length=1, max_length=32_000)]


class LabelingInstructions(BaseModel):
    """What labelers are to do; assignments remember the version."""

    version: int
    text: str = Field(description="Markdown.")


class LabelingHome(BaseModel):
    """A labeler's desk: what waits and what was done."""

    instructions_version: int
    waiting: dict[str, int] = Field(description="Tasks one could take, by kind.")
    answered: int
    skipped: int
    open: int
    seconds: float | None = Field(description="Median time of one's answered tasks.")


class NextTask(Body):
    """The next task of a kind."""

    kind: TaskKind
    own: bool = Field(False, description="A demonstration on a prompt of one's own.")


class DialogueMessage(BaseModel):
    """A message of the dialogue that the task is about."""

    role: str
    content: str

    @classmethod
    def of(cls, messages: Sequence[Message]) -> list[Self]:
        """Messages as labelers read them."""
        return [cls(role=each.role, content=each.content) for each in messages]


class AnswerToRank(BaseModel):
    """One alternative; which policy wrote it is not told."""

    id: str
    content: str

    @classmethod
    def of(cls, messages: Sequence[Message]) -> list[Self]:
        """Responses without their origin."""
        return [cls(id=each.id, content=each.content) for each in messages]


class AssignmentItem(BaseModel):
    """One labeler's go at a task."""

    id: str
    kind: FeedbackKind
    instructions: int = Field(description="The version that was shown.")
    skipped: str | None
    seconds: float | None
    created_at: float
    finished_at: float | None
    prompt: str = Field(description="The first characters of what is to be answered.")
    gold: bool = Field(description="Whether one said oneself that one's order is right.")


class AssignmentDetail(AssignmentItem):
    """A task as a labeler sees it."""

    dialogue: list[DialogueMessage]
    answers: list[AnswerToRank] = Field(description="In an order drawn for this labeler.")
    demonstrated: list[DialogueMessage] = Field(description="What one answered, if it is that.")


class MaybeAssignment(BaseModel):
    """The next task, or null when there is none."""

    assignment: AssignmentDetail | None


class RankRequest(Body):
    """All answers, best first; an inner list holds equals."""

    ranking: list[list[Name]] = Field(max_length=9)
    positions: list[Name] = Field(max_length=9, description="In the order shown.")
    flags: dict[Name, list[Name]] = Field(default_factory=dict)
    ratings: dict[Name, int] = Field(default_factory=dict, description="1 (worst) to 7 (best).")
    seconds: Seconds = 0.0


class DialogueTurn(Body):
    """A message of a demonstration."""

    role: Literal["user", "assistant"]
    content: Content
    suggestion: Text | None = Field(None, description="What the model had suggested for it.")


class DemonstrateRequest(Body):
    """A whole dialogue; it ends with the assistant."""

    turns: list[DialogueTurn] = Field(min_length=2, max_length=40)
    seconds: Seconds = 0.0


class SkipRequest(Body):
    """Why the task is left to others."""

    reason: Text = Field(min_length=1, max_length=500)
    seconds: Seconds = 0.0


class SuggestRequest(Body):
    """Ask the model for the next message of a dialogue."""

    side: Literal["user", "assistant"]
    turns: list[DialogueTurn] = Field(max_length=40)


class Suggestion(BaseModel):
    """What the model would write."""

    text: str
    policy_id: str


class TasksRequest(Body):
    """Make tasks. Ranking tasks have their answers written in the background."""

    kind: TaskKind
    count: int = Field(ge=1, le=200)
    source: Literal["chat", "prompts"] = "chat"
    answers: int = Field(4, ge=2, le=9, description="How many alternatives to a prompt.")
    temperatures: list[Annotated[float, Field(ge=0, le=2, strict=False)]] = Field(
        default_factory=lambda: [0.7, 1.0], min_length=1, max_length=9
    )
    policies: list[Name] = Field(
        default_factory=list, max_length=9, description="Loaded ones; none: the current."
    )
    overlap: int = Field(2, ge=1, le=9, description="How many labelers answer each.")


class TasksMade(BaseModel):
    """How many there were to make."""

    made: int


class GoldRequest(Body):
    """The order that is known to be right; null: an ordinary task again."""

    ranking: list[list[Name]] | None


class GoldTask(Body):
    """A gold task that is written by hand."""

    prompt: Content
    answers: list[list[Content]] = Field(
        min_length=2, max_length=9, description="Best first; an inner list holds equals."
    )


class Mean(BaseModel):
    """A mean with its 95 % interval."""

    mean: float
    low: float
    high: float


class LabelerItem(BaseModel):
    """One labeler's work and how far it can be relied on."""

    id: str
    name: str
    answered: int
    skipped: int
    seconds: float | None = Field(description="Median.")
    shared_pairs: int = Field(description="Pairs that somebody else ranked too.")
    reliability: float | None
    weight: float = Field(description="What their rankings count in training.")
    gold_right: int
    gold_pairs: int
    suggestions: int = Field(description="Suggestions shown in their demonstrations.")
    accepted: int = Field(description="Of those, taken unchanged.")


class LabelingProgress(BaseModel):
    """How labeling goes."""

    tasks: dict[str, int] = Field(description="preparing, failed, open, done, gold")
    answered: int
    skipped: int
    shared_tasks: int
    shared_pairs: int
    alpha: float | None = Field(description="Krippendorff's alpha over pairs, ordinal.")
    same: Mean | None = Field(description="Share of pairs on which two labelers agree.")
    labelers: list[LabelerItem]
    policies: list[str] = Field(description="Loaded policies, from which answers can be sampled.")
    gold_every: int = Field(description="Every n-th task of a labeler is a gold task; 0: none.")


class Opinion(BaseModel):
    """One labeler's ranking of a disputed task."""

    labeler: str
    ranking: list[list[str]]


class Disagreement(BaseModel):
    """A task on which labelers differ."""

    task_id: str
    share: float = Field(description="Pairs not agreed on.")
    gold: list[list[str]] | None
    dialogue: list[DialogueMessage]
    answers: list[AnswerToRank]
    opinions: list[Opinion]
