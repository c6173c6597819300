"""Embeddings: OpenAI's request and response, for text."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag

from server.schemas.text import Body, Name, Text, only, storable

MAX_INPUTS = 256


def _input_tag(value: object) -> str:
    return "texts" if isinstance(value, list) else "text"


Input = Annotated[str, Field(min_length=1), AfterValidator(storable)]
EmbeddingInput = Annotated[
    Annotated[Input, Tag("text")]
    | Annotated[list[Input], Field(min_length=1, max_length=MAX_INPUTS), Tag("texts")],
    Discriminator(_input_tag),
]


class EmbeddingRequest(Body):
    """Texts to embed, each on its own; arrays of token ids are not supported."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"model": "all-minilm-l6-v2", "input": ["Good morning", "Hello"]}]
        }
    )

    model: Text = Field(description="`all-minilm-l6-v2`.")
    input: EmbeddingInput
    encoding_format: Literal["float", "base64"] | None = Field(
        "float", description="base64: 32-bit floats, little-endian."
    )
    dimensions: Annotated[Annotated[int, Field(ge=1)] | None, only(384)] = None
    user: Name | None = Field(None, description="Accepted for compatibility; not used.")


class Embedding(BaseModel):
    """The vector of one text."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingUsage(BaseModel):
    """Token counts."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingList(BaseModel):
    """The vectors, in the order of the inputs."""

    object: Literal["list"] = "list"
    data: list[Embedding]
    model: str
    usage: EmbeddingUsage
