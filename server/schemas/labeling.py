"""Labeling tasks and submissions; progress, agreement and disputes for operators."""

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field

from server.schemas.openai.chat import ModerationNotice
from server.schemas.text import Body, Name, Text
from tutelage.tables import FeedbackKind, Message

Seconds = Annotated[float, Field(ge=0, le=86_400, strict=False)]
TaskKind = Literal["ranking", "demonstration"]
Content = Annotated[Text, Field(min_length=1, max_length=32_000)]


class LabelingInstructions(BaseModel):
    """The labeling instructions; assignments record the version."""

    version: int
    text: str = Field(description="Markdown.")


class LabelingHome(BaseModel):
    """A labeler's waiting tasks and statistics."""

    instructions_version: int
    waiting: dict[str, int] = Field(description="Available tasks, by kind.")
    answered: int
    skipped: int
    open: int
    seconds: float | None = Field(description="Median time of your completed tasks.")


class NextTask(Body):
    """A request for the next task."""

    kind: TaskKind
    own: bool = Field(False, description="A demonstration on a prompt of your own.")


class DialogueMessage(BaseModel):
    """A message of the dialogue that the task is about."""

    role: str
    content: str

    @classmethod
    def of(cls, messages: Sequence[Message]) -> list[Self]:
        """Messages as labelers read them."""
        return [cls(role=each.role, content=each.content) for each in messages]


class ResponseToRank(BaseModel):
    """One response to rank; the policy is not shown."""

    id: str
    content: str

    @classmethod
    def of(cls, messages: Sequence[Message]) -> list[Self]:
        """Responses without their origin."""
        return [cls(id=each.id, content=each.content) for each in messages]


class AssignmentItem(BaseModel):
    """One labeler's assignment of a task."""

    id: str
    kind: FeedbackKind
    instructions: int = Field(description="The version that was shown.")
    skipped: str | None
    seconds: float | None
    created_at: float
    finished_at: float | None
    prompt: str = Field(description="The first characters of the prompt.")
    gold: bool = Field(description="Whether the labeler's own ranking is the gold ranking.")
    moderation: ModerationNotice | None = Field(
        description="Set where the demonstration was flagged and is not learned from."
    )


class AssignmentDetail(AssignmentItem):
    """A task as a labeler sees it."""

    dialogue: list[DialogueMessage]
    answers: list[ResponseToRank] = Field(description="In a random order for this labeler.")
    demonstrated: list[DialogueMessage] = Field(
        description="The submitted demonstration, if it is one."
    )


class MaybeAssignment(BaseModel):
    """The next task, or null when there is none."""

    assignment: AssignmentDetail | None


class RankRequest(Body):
    """All responses, best first; an inner list holds ties."""

    ranking: list[list[Name]] = Field(max_length=9)
    positions: list[Name] = Field(max_length=9, description="The responses in the order shown.")
    flags: dict[Name, list[Name]] = Field(default_factory=dict)
    ratings: dict[Name, int] = Field(default_factory=dict, description="1 (worst) to 7 (best).")
    seconds: Seconds = 0.0


class DialogueTurn(Body):
    """A message of a demonstration."""

    role: Literal["user", "assistant"]
    content: Content
    suggestion: Text | None = Field(None, description="The model's suggestion for it.")


class DemonstrateRequest(Body):
    """A whole dialogue; it ends with the assistant."""

    turns: list[DialogueTurn] = Field(min_length=2, max_length=40)
    seconds: Seconds = 0.0


class SkipRequest(Body):
    """Why the task is skipped."""

    reason: Text = Field(min_length=1, max_length=500)
    seconds: Seconds = 0.0


class SuggestRequest(Body):
    """A request for a suggested next message."""

    side: Literal["user", "assistant"]
    turns: list[DialogueTurn] = Field(max_length=40)


class Suggestion(BaseModel):
    """A suggested next message."""

    text: str
    policy_id: str


class TasksRequest(Body):
    """Create tasks. The responses of ranking tasks are generated in the background."""

    kind: TaskKind
    count: int = Field(ge=1, le=200)
    source: Literal["chat", "prompts"] = "chat"
    answers: int = Field(4, ge=2, le=9, description="Responses per prompt.")
    temperatures: list[Annotated[float, Field(ge=0, le=2, strict=False)]] = Field(
        default_factory=lambda: [0.7, 1.0], min_length=1, max_length=9
    )
    policies: list[Name] = Field(
        default_factory=list, max_length=9, description="Loaded policies; empty: the current one."
    )
    overlap: int = Field(2, ge=1, le=9, description="Annotators per task.")


class TasksMade(BaseModel):
    """The number of tasks created."""

    made: int


class GoldRequest(Body):
    """The gold ranking; null makes it an ordinary task again."""

    ranking: list[list[Name]] | None


class GoldTask(Body):
    """A hand-written gold task."""

    prompt: Content
    answers: list[list[Content]] = Field(
        min_length=2, max_length=9, description="Best first; an inner list holds ties."
    )


class Mean(BaseModel):
    """A mean with its 95 % interval."""

    mean: float
    low: float
    high: float


class LabelerItem(BaseModel):
    """One labeler's statistics and reliability."""

    id: str
    name: str
    answered: int
    skipped: int
    seconds: float | None = Field(description="Median.")
    shared_pairs: int = Field(description="Pairs that another labeler or a gold task also ranked.")
    reliability: float | None
    weight: float = Field(description="Weight of the labeler's rankings in training.")
    gold_right: int
    gold_pairs: int
    suggestions: int = Field(description="Suggestions shown in the labeler's demonstrations.")
    accepted: int = Field(description="Of those, accepted unchanged.")


class LabelingProgress(BaseModel):
    """Labeling progress and agreement."""

    tasks: dict[str, int] = Field(description="preparing, failed, open, done, gold")
    answered: int
    skipped: int
    shared_tasks: int
    shared_pairs: int
    alpha: float | None = Field(description="Krippendorff's alpha over pairs, ordinal.")
    same: Mean | None = Field(description="Share of pairs on which two labelers agree.")
    labelers: list[LabelerItem]
    policies: list[str] = Field(description="Loaded policies, from which responses can be sampled.")
    gold_every: int = Field(description="Every n-th task of a labeler is a gold task; 0 = none.")


class Opinion(BaseModel):
    """One labeler's ranking of a disputed task."""

    labeler: str
    ranking: list[list[str]]


class Disagreement(BaseModel):
    """A task on which labelers disagree."""

    task_id: str
    share: float = Field(description="Share of pairs without agreement.")
    gold: list[list[str]] | None
    dialogue: list[DialogueMessage]
    answers: list[ResponseToRank]
    opinions: list[Opinion]
