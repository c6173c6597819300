"""Completions of a text: OpenAI's older API, without messages."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from server.schemas.openai.chat import CompletionUsage, FinishReason, TurnInfo
from server.schemas.openai.sampling import SamplingParameters, StreamOptions
from server.schemas.text import Name, Text, Unsupported


def _prompt_tag(value: object) -> str:
    return "texts" if isinstance(value, list) else "text"


PromptText = Annotated[Text, Field(min_length=1)]


class TextCompletionRequest(SamplingParameters):
    """A text to continue as it is, without the chat template."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"model": "tutelage", "prompt": "Once upon a time"}]}
    )

    model: Text = Field(
        description="`tutelage`, or a policy that GET /v1/models lists as available."
    )
    prompt: Annotated[
        Annotated[PromptText, Tag("text")]
        | Annotated[list[PromptText], Field(min_length=1, max_length=1), Tag("texts")],
        Discriminator(_prompt_tag),
    ] = Field(description="One text; token ids are not supported.")
    max_tokens: int | None = Field(
        16, ge=1, le=1_000_000, description="Maximum number of response tokens."
    )
    stream: bool | None = Field(False, description="Stream server-sent events.")
    stream_options: StreamOptions | None = None
    echo: bool | None = Field(False, description="Begin the text with the prompt.")
    logprobs: int | None = Field(
        None, ge=0, le=5, description="Log-probabilities with so many alternatives of each token."
    )
    best_of: int | None = Field(None, ge=1, le=20, description="Accepted: the value of `n`.")
    user: Name | None = Field(None, description="Accepted for compatibility; not used.")
    suffix: Unsupported = None

    @property
    def text(self) -> str:
        """The prompt."""
        return self.prompt if isinstance(self.prompt, str) else self.prompt[0]


class TextLogprobs(BaseModel):
    """The tokens of a choice, in parallel lists."""

    tokens: list[str]
    token_logprobs: list[float]
    top_logprobs: list[dict[str, float]] | None
    text_offset: list[int] = Field(description="Where each token begins in the choice's text.")


class TextChoice(BaseModel):
    """One of the n continuations, or what is new in it."""

    text: str
    index: int
    logprobs: TextLogprobs | None = None
    finish_reason: FinishReason | None = Field(description="null until the choice ends.")


class TextCompletion(BaseModel):
    """The continuations of a text; in a stream, every chunk."""

    id: str = Field(examples=["cmpl-18c2f0a1b2c3d4e5a1b2c3d4"])
    object: Literal["text_completion"] = "text_completion"
    created: int = Field(description="Unix seconds.")
    model: str = Field(description="The policy version that wrote it.")
    choices: list[TextChoice]
    usage: CompletionUsage | None = None
    system_fingerprint: str = Field(description="The policy version that wrote it.")
    tutelage: TurnInfo | None = Field(None, description="In a stream: on the first chunk.")
