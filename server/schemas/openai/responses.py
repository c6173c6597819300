"""OpenAI's responses API: request and response, text only."""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from server.schemas.openai.chat import (
    CacheRetention,
    JsonObjectFormat,
    Metadata,
    SafetyIdentifier,
    ServiceTier,
    TextFormat,
    Verbosity,
)
from server.schemas.openai.tools import (
    MAX_TOOLS,
    CalledFunction,
    Function,
    FunctionChoice,
    FunctionName,
    ToolKind,
)
from server.schemas.openai.unsupported import (
    Include,
    ItemKind,
    Reasoning,
    ResponseToolKind,
    moved,
)
from server.schemas.text import Body, Name, Text, Unsupported, only


class InputText(Body):
    """A piece of a message's text."""

    type: Literal["input_text", "output_text"]
    text: Text
    annotations: list[Any] | None = Field(None, description="Accepted; not used.")
    logprobs: list[Any] | None = Field(None, description="Accepted; not used.")


def _content_tag(value: Any) -> str:
    return "parts" if isinstance(value, list) else "text"


def _joined(content: "str | list[InputText]") -> str:
    """A content as one string."""
    return content if isinstance(content, str) else "".join(part.text for part in content)


Content = Annotated[
    Annotated[Text, Tag("text")]
    | Annotated[list[InputText], Field(min_length=1, max_length=1000), Tag("parts")],
    Discriminator(_content_tag),
]


class ResponseInputMessage(Body):
    """A message, also of an earlier response's output."""

    type: ItemKind = "message"
    id: Name | None = Field(None, description="Accepted; not used.")
    status: Name | None = Field(None, description="Accepted; not used.")
    phase: Name | None = Field(None, description="Accepted; not used.")
    role: Literal["user", "assistant", "system", "developer"]
    content: Content

    @property
    def text(self) -> str:
        """The content as one string."""
        return _joined(self.content)


class InputCall(CalledFunction):
    """A function call of an earlier response."""

    type: Literal["function_call"]
    id: Name | None = Field(None, description="Accepted; not used.")
    status: Name | None = Field(None, description="Accepted; not used.")
    call_id: Name


class InputCallOutput(Body):
    """The result of a function call."""

    type: Literal["function_call_output"]
    id: Name | None = Field(None, description="Accepted; not used.")
    status: Name | None = Field(None, description="Accepted; not used.")
    call_id: Name
    output: Content

    @property
    def text(self) -> str:
        """The output as one string."""
        return _joined(self.output)


def _item_tag(value: Any) -> str:
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return kind if kind in ("function_call", "function_call_output") else "message"


InputItem = Annotated[
    Annotated[ResponseInputMessage, Tag("message")]
    | Annotated[InputCall, Tag("function_call")]
    | Annotated[InputCallOutput, Tag("function_call_output")],
    Discriminator(_item_tag),
]


class FunctionTool(Function):
    """A tool that the policy may call."""

    type: ResponseToolKind


class NamedFunction(FunctionChoice):
    """The tool that must be called."""

    type: ToolKind


class SchemaFormat(Body):
    """JSON that follows a schema."""

    type: Literal["json_schema"]
    name: FunctionName = Field(description="Not used.")
    description: Text | None = Field(None, description="Not used.")
    schema_: dict[str, Any] = Field(alias="schema")
    strict: bool | None = Field(None, description="Always strict.")

    @property
    def constraint(self) -> str | None:
        """The JSON Schema to follow."""
        return json.dumps(self.schema_)


class TextOptions(Body):
    """The format of the response."""

    format: (
        Annotated[TextFormat | JsonObjectFormat | SchemaFormat, Field(discriminator="type")] | None
    ) = None
    verbosity: Annotated[Verbosity | None, only("medium")] = None


class ResponseStreamOptions(Body):
    """How to stream."""

    include_obfuscation: bool | None = Field(None, description="Accepted; nothing is obfuscated.")


def _input_tag(value: Any) -> str:
    return "items" if isinstance(value, list) else "text"


class ResponseRequest(Body):
    """A turn. ``previous_response_id`` continues the conversation of an earlier response."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"model": "tutelage", "input": "Why is the sky blue?"}]}
    )

    model: Text = Field(
        description="`tutelage`, or a policy that GET /v1/models lists as available."
    )
    input: Annotated[
        Annotated[Text, Tag("text")]
        | Annotated[list[InputItem], Field(min_length=1, max_length=2000), Tag("items")],
        Discriminator(_input_tag),
    ]
    instructions: Text | None = Field(
        None, description="A system prompt for this response only; replaces earlier ones."
    )
    previous_response_id: Name | None = None
    stream: bool | None = False
    store: bool | None = Field(True, description="Whether it can be retrieved and continued later.")
    temperature: float | None = Field(
        None,
        ge=0,
        le=2,
        description="0 = greedy. A request that sets neither temperature nor top_p gets the "
        "operator's defaults; otherwise the default is 1.",
    )
    top_p: float | None = Field(None, ge=0, le=1)
    max_output_tokens: int | None = Field(None, ge=1, le=1_000_000)
    text: TextOptions | None = None
    metadata: Annotated[Metadata, Field(max_length=16)] | None = None
    user: Name | None = Field(None, description="Accepted; not used.")
    safety_identifier: SafetyIdentifier | None = Field(None, description="Accepted; not used.")
    prompt_cache_key: Name | None = Field(None, description="Accepted; not used.")
    tools: Annotated[list[FunctionTool], Field(max_length=MAX_TOOLS)] | None = Field(
        None, description="Only with remote engines that support tools."
    )
    tool_choice: Literal["none", "auto", "required"] | NamedFunction | None = None
    parallel_tool_calls: bool | None = Field(None, description="With `tools`.")
    truncation: Annotated[Literal["auto", "disabled"] | None, only("disabled")] = None
    service_tier: Annotated[ServiceTier | None, only("auto", "default")] = None
    background: Annotated[bool | None, only(False, kind="unsupported_parameter")] = None
    top_logprobs: Annotated[
        Annotated[int, Field(ge=0, le=20)] | None, only(0, kind="unsupported_parameter")
    ] = None
    prompt_cache_retention: CacheRetention | None = Field(None, description="Accepted; not used.")
    prompt_cache_options: dict[str, Any] | None = Field(None, description="Accepted; not used.")
    include: Include = None
    reasoning: Reasoning = None
    conversation: Unsupported = None
    prompt: Unsupported = None
    max_tool_calls: Unsupported = None
    stream_options: ResponseStreamOptions | None = None
    messages: Annotated[Any, moved("input")] = None
    max_tokens: Annotated[Any, moved("max_output_tokens")] = None
    max_completion_tokens: Annotated[Any, moved("max_output_tokens")] = None
    response_format: Annotated[Any, moved("text.format")] = None
    reasoning_effort: Annotated[Any, moved("reasoning.effort")] = None


class OutputText(BaseModel):
    """The text of a response."""

    type: Literal["output_text"] = "output_text"
    text: str
    annotations: list[Any] = Field(default_factory=list, description="Always empty.")
    logprobs: list[Any] = Field(default_factory=list, description="Always empty.")


class OutputMessage(BaseModel):
    """The HTTP response."""

    type: Literal["message"] = "message"
    id: str
    status: Literal["in_progress", "completed", "incomplete"]
    role: Literal["assistant"] = "assistant"
    content: list[OutputText]


class OutputCall(BaseModel):
    """A function call. A stream sends it as a whole, since its arguments are moderated."""

    type: Literal["function_call"] = "function_call"
    id: str
    status: Literal["in_progress", "completed"] = "completed"
    call_id: str
    name: str
    arguments: str = Field(description="JSON as generated by the policy; validate it before use.")


class Incomplete(BaseModel):
    """Why a response is incomplete."""

    reason: Literal["max_output_tokens", "content_filter"]


class InputDetails(BaseModel):
    """Details of the prompt tokens."""

    cached_tokens: int = 0
    cache_write_tokens: int = 0


class OutputDetails(BaseModel):
    """Details of the response tokens."""

    reasoning_tokens: int = 0


class ResponseUsage(BaseModel):
    """Token counts."""

    input_tokens: int
    input_tokens_details: InputDetails = InputDetails()
    output_tokens: int
    output_tokens_details: OutputDetails = OutputDetails()
    total_tokens: int


class ResponseError(BaseModel):
    """Why a response failed."""

    code: Literal["server_error"] = "server_error"
    message: str


class Response(BaseModel):
    """A response. Rate it with the id of its output message."""

    id: str = Field(examples=["resp_18c2f0a1b2c3d4e5a1b2c3d4"])
    object: Literal["response"] = "response"
    created_at: int
    completed_at: int | None = None
    status: Literal["in_progress", "completed", "incomplete", "failed"]
    error: ResponseError | None = None
    incomplete_details: Incomplete | None = None
    instructions: str | None = None
    max_output_tokens: int | None = None
    model: str
    output: list[OutputMessage | OutputCall]
    parallel_tool_calls: bool = True
    previous_response_id: str | None = None
    store: bool = True
    temperature: float = 1.0
    top_p: float = 1.0
    text: dict[str, Any] = Field(default_factory=lambda: {"format": {"type": "text"}})
    tool_choice: str | NamedFunction = "auto"
    tools: list[FunctionTool] = Field(default_factory=list)
    max_tool_calls: None = None
    reasoning: None = None
    truncation: str = "disabled"
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    top_logprobs: int = 0
    background: bool = False
    service_tier: str = "default"
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    usage: ResponseUsage | None = None
    metadata: dict[str, str] = Field(default_factory=dict)


class ResponseDeleted(BaseModel):
    """A response that can no longer be retrieved or continued."""

    id: str
    object: Literal["response"] = "response"
    deleted: Literal[True] = True
