"""How responses are sampled and streamed: the parameters that all completions have."""

from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from server.schemas.text import Body, Text

MAX_CHOICES = 16
TokenId = Annotated[str, Field(pattern=r"^[0-9]{1,9}$")]


def _within_range(biases: dict[str, float]) -> dict[str, float]:
    if any(not -100 <= bias <= 100 for bias in biases.values()):
        raise PydanticCustomError("uncoded", "Biases are numbers from -100 to 100")
    return biases


LogitBias = Annotated[dict[TokenId, float], Field(max_length=1024), AfterValidator(_within_range)]
Stop = (
    Annotated[Text, Field(min_length=1, max_length=200)]
    | Annotated[list[Annotated[Text, Field(min_length=1, max_length=200)]], Field(max_length=4)]
)


class StreamOptions(Body):
    """How to stream."""

    include_usage: bool | None = Field(None, description="Send a last chunk with the token counts.")
    continuous_usage_stats: bool | None = Field(
        None, description="vLLM's extension, with `include_usage`: token counts on every chunk."
    )
    include_obfuscation: bool | None = Field(None, description="Accepted; nothing is obfuscated.")


class SamplingParameters(Body):
    """OpenAI's sampling parameters, and vLLM's extensions of them."""

    n: int | None = Field(1, ge=1, le=MAX_CHOICES, description="Number of choices.")
    temperature: float | None = Field(
        None,
        ge=0,
        le=2,
        description="0 = greedy. A request that sets no sampling parameter (temperature, top_p, "
        "top_k, penalties) gets the operator's defaults; otherwise the default is 1.",
    )
    top_p: float | None = Field(
        None, ge=0, le=1, description="Nucleus sampling; the default is as for temperature."
    )
    stop: Stop | None = Field(None, description="Up to four stop strings.")
    seed: int | None = Field(
        None, ge=-(2**63), lt=2**63, description="The same seed and policy give the same response."
    )
    presence_penalty: float | None = Field(
        None, ge=-2, le=2, description="Above 0: tokens that occurred already become less likely."
    )
    frequency_penalty: float | None = Field(
        None, ge=-2, le=2, description="The same, for each occurrence."
    )
    top_k: int | None = Field(
        None,
        ge=0,
        le=1_000_000,
        description="tutelage extension: sample from the k most likely tokens; 0 = all.",
    )
    min_p: float | None = Field(
        None,
        ge=0,
        le=1,
        description="tutelage extension: sample no token that is less likely than this share of "
        "the most likely one; 0 = all.",
    )
    repetition_penalty: float | None = Field(
        None,
        gt=0,
        le=10,
        description="tutelage extension: divides the positive logits of tokens of prompt and "
        "response, and multiplies the negative ones; 1 = none.",
    )
    ignore_eos: bool | None = Field(
        None,
        description="vLLM's extension: write on after the end of the response, up to the limit; "
        "for measurements.",
    )
    logit_bias: LogitBias | None = Field(
        None, description="Token id -> bias from -100 to 100, added to its logit."
    )

    @property
    def stops(self) -> tuple[str, ...]:
        """The stop strings."""
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())
