"""What a user taught: their feedback, what iterations made of it, and new answers to it."""

from pydantic import BaseModel, Field

from server.schemas.feedback import FeedbackItem
from server.schemas.text import Shape
from tutelage.feedback.preference_data import LeftOut
from tutelage.feedback.signals import Signal


class IterationOutcome(BaseModel):
    """An iteration and the resulting policy."""

    iteration_id: str
    policy_id: str | None
    state: str | None = Field(description="The state of that policy or iteration.")


class LearnedBy(IterationOutcome):
    """An iteration that used the feedback."""

    measured: bool = Field(description="Whether it was on the held-out side, which measures.")


class NotUsed(BaseModel):
    """An iteration that left the feedback out."""

    iteration_id: str
    reason: LeftOut


class FeedbackStory(FeedbackItem):
    """The user's own feedback, with the rated response and the iterations that used it."""

    conversation_id: str
    conversation_title: str
    training: bool = Field(description="Whether the conversation may be used for training.")
    prompt_id: str | None
    prompt: str
    answer: str = Field(description="The rated response; of a ranking the best one.")
    policy_id: str | None = Field(description="The policy that wrote it.")
    learned_by: list[LearnedBy]
    left_out: list[NotUsed]
    reason: LeftOut | None = Field(
        description="Why an iteration that began now would not use it; null where it may."
    )


class TaughtIteration(IterationOutcome):
    """What an iteration made of the user's feedback, in numbers of judgements."""

    taught: int = Field(description="On the side that trains.")
    measured: int = Field(description="On the held-out side, which measures the candidate.")
    left_out: dict[LeftOut, int]


class AgreementWithOthers(BaseModel):
    """Pairs of responses that others ranked too."""

    same: int = Field(description="Pairs on which another person says the same.")
    pairs: int


class SignalReliability(Shape):
    """How far something that people do with responses agrees with what they say of them."""

    signal: Signal
    pairs: int = Field(
        description="Pairs of responses of which one was judged better and one has the signal."
    )
    chats: int
    share: float = Field(description="Of the pairs, those of which both say the same; 0.5: chance.")
    low: float = Field(description="The 95 % interval of the share.")
    high: float


class TaughtSummary(BaseModel):
    """The user's feedback by iteration, newest first."""

    iterations: list[TaughtIteration]
    signals: list[SignalReliability] = Field(
        description="Of what you did with responses in chats that allow training."
    )
    agreement: AgreementWithOthers | None = Field(description="null: nobody ranked the same.")


class NewAnswer(BaseModel):
    """An answer to a prompt that was asked again."""

    message_id: str
    choice: int
    content: str
    policy_id: str | None


class AnswersAgain(BaseModel):
    """The answers, in random order: the current policy's, and the earlier one's if it differs."""

    completion_id: str
    answers: list[NewAnswer]
    problem: str | None = Field(description="Why the earlier policy's answer is missing.")
