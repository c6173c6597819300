"""Chat completions: OpenAI's request, response and stream chunks, and our additions."""

import json
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
)
from pydantic_core import PydanticCustomError, PydanticKnownError

from server.schemas.openai.moderation_field import Moderated, ModerationOptions
from server.schemas.openai.sampling import SamplingParameters, StreamOptions
from server.schemas.openai.tools import (
    MAX_TOOLS,
    CalledTool,
    CalledToolDelta,
    FunctionName,
    NamedTool,
    Tool,
)
from server.schemas.text import Body, Listed, Name, Text, Unsupported, only

MAX_MESSAGES = 2000
AuthorName = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\s<|\\/>]+$")]
SafetyIdentifier = Annotated[Name, Field(max_length=128)]


class TextPart(Body):
    """A piece of a message's text."""

    type: Literal["text"]
    text: Text
    cache_control: dict[str, Any] | None = Field(None, description="Accepted; not used.")


def _refuse_part(kind: str) -> str:
    problem = "This model reads text only: {kind} parts are not supported"
    raise PydanticCustomError("unsupported_value", problem, {"kind": repr(kind)})


class OtherPart(BaseModel):
    """An image, audio or file part: not supported."""

    model_config = ConfigDict(extra="allow", strict=True)

    type: Annotated[
        Literal["image_url", "input_audio", "file", "refusal"],
        AfterValidator(_refuse_part),
    ]


def _part_tag(value: Any) -> str:
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return "text" if kind in ("text", None) else "other"


Part = Annotated[
    Annotated[TextPart, Tag("text")] | Annotated[OtherPart, Tag("other")], Discriminator(_part_tag)
]


def _content_tag(value: Any) -> str:
    return "parts" if isinstance(value, list) else "text"


Content = Annotated[
    Annotated[Text, Tag("text")]
    | Annotated[list[Part], Field(min_length=1, max_length=1000), Tag("parts")],
    Discriminator(_content_tag),
]


def _text(content: str | list[TextPart | OtherPart]) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.text for part in content if isinstance(part, TextPart))


class _InputMessage(Body):
    content: Content = Field(description="A string, or a list of text parts.")
    name: AuthorName | None = Field(None, description="Accepted for compatibility; not used.")

    @property
    def text(self) -> str:
        """The content as one string."""
        return _text(self.content)


class SystemMessage(_InputMessage):
    """A system prompt; replaces the policy's default."""

    role: Literal["system", "developer"]


class UserMessage(_InputMessage):
    """The user's message."""

    role: Literal["user"]


class ToolMessage(Body):
    """The result of a tool call."""

    role: Literal["tool"]
    content: Content = Field(description="A string, or a list of text parts.")
    tool_call_id: Name

    @property
    def text(self) -> str:
        """The content as one string."""
        return _text(self.content)


def _given(value: Any, info: ValidationInfo) -> Any:
    """Requires the content, or tool calls; other servers write an empty response as no parts."""
    if value == () and not info.data.get("tool_calls"):
        raise PydanticKnownError("missing")
    return value or None


class AssistantMessage(Body):
    """An earlier response, as the client stored it."""

    role: Literal["assistant"]
    tool_calls: Annotated[list[CalledTool], Field(max_length=MAX_TOOLS)] | None = None
    content: Annotated[Content | None, BeforeValidator(_given)] = Field(
        default_factory=tuple,  # absent
        validate_default=True,
        description="Optional with `tool_calls`; null and [] are the empty text.",
    )
    name: AuthorName | None = Field(None, description="Accepted for compatibility; not used.")
    refusal: Text | None = Field(None, description="Accepted for compatibility; not used.")
    reasoning_content: Text | None = Field(None, description="Accepted; not used.")
    reasoning: Text | None = Field(None, description="Accepted; not used.")
    annotations: Unsupported = None
    audio: Unsupported = None
    function_call: Unsupported = None

    @property
    def text(self) -> str:
        """The content as one string."""
        return _text(self.content or "")


InputMessage = Annotated[
    SystemMessage | UserMessage | AssistantMessage | ToolMessage, Field(discriminator="role")
]


class JsonSchema(Body):
    """A JSON Schema for the response."""

    name: FunctionName = Field(description="Not used.")
    description: Text | None = Field(None, description="Not used.")
    schema_: dict[str, Any] = Field({"type": "object"}, alias="schema")
    strict: bool | None = Field(None, description="Always strict.")


class TextFormat(Body):
    """Plain text."""

    type: Literal["text"]

    @property
    def constraint(self) -> str | None:
        """The JSON Schema to follow: none."""
        return None


class JsonObjectFormat(Body):
    """A JSON object."""

    type: Literal["json_object"]

    @property
    def constraint(self) -> str | None:
        """The JSON Schema to follow."""
        return json.dumps({"type": "object"})


class JsonSchemaFormat(Body):
    """JSON that follows a schema."""

    type: Literal["json_schema"]
    json_schema: JsonSchema

    @property
    def constraint(self) -> str | None:
        """The JSON Schema to follow."""
        return json.dumps(self.json_schema.schema_)


ResponseFormat = Annotated[
    TextFormat | JsonObjectFormat | JsonSchemaFormat, Field(discriminator="type")
]
Metadata = dict[Annotated[Text, Field(max_length=64)], Annotated[Text, Field(max_length=512)]]
ServiceTier = Literal["auto", "default", "flex", "scale", "priority", "fast"]
ReasoningEffort = Literal["none", "minimal", "low", "medium", "high", "xhigh"]
Verbosity = Literal["low", "medium", "high"]
CacheRetention = Literal["in_memory", "in-memory", "24h"]


class ChatCompletionRequest(SamplingParameters):
    """A chat turn. Without ``conversation_id`` it starts a new conversation."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": "tutelage",
                    "messages": [{"role": "user", "content": "Why is the sky blue?"}],
                    "stream": True,
                }
            ]
        }
    )

    model: Text = Field(
        description="`tutelage`, or a policy that GET /v1/models lists as available."
    )
    messages: list[InputMessage] = Field(
        max_length=MAX_MESSAGES,
        description="The conversation so far; with `conversation_id` only the new messages.",
    )
    stream: bool | None = Field(False, description="Stream server-sent events.")
    stream_options: StreamOptions | None = None
    max_completion_tokens: int | None = Field(
        None, ge=1, le=1_000_000, description="Maximum number of response tokens."
    )
    max_tokens: int | None = Field(
        None, ge=1, le=1_000_000, description="Older name of max_completion_tokens."
    )
    logprobs: bool | None = Field(False, description="Return each token's log-probability.")
    top_logprobs: int | None = Field(
        None,
        ge=0,
        le=20,
        description="With `logprobs`: the most likely alternatives of each token.",
    )
    user: Name | None = Field(None, description="Accepted for compatibility; not used.")
    safety_identifier: SafetyIdentifier | None = Field(None, description="Accepted; not used.")
    prompt_cache_key: Name | None = Field(None, description="Accepted; not used.")
    metadata: Annotated[Metadata, Field(max_length=16)] | None = Field(
        None, description="Stored with the completion."
    )
    store: bool | None = Field(
        None, description="List it under GET /v1/chat/completions. It is stored in any case."
    )
    response_format: ResponseFormat | None = None
    chat_template_kwargs: Unsupported = Field(None, description="Accepted for compatibility: {}.")
    continue_final_message: bool | None = Field(
        None,
        description="tutelage extension: continue the last message, which is an assistant's. "
        "Default: whether the last of `messages` is one.",
    )
    add_generation_prompt: bool | None = Field(
        None, description="tutelage extension: the opposite of continue_final_message."
    )
    service_tier: Annotated[ServiceTier | None, only("auto", "default")] = None
    modalities: Annotated[
        Annotated[list[Literal["text", "audio"]], Field(min_length=1)] | None, only(["text"])
    ] = None
    tools: Annotated[list[Tool], Field(max_length=MAX_TOOLS)] | None = Field(
        None, description="Only with remote engines that support tools."
    )
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    parallel_tool_calls: bool | None = Field(None, description="With `tools`.")
    functions: Unsupported = None
    function_call: Annotated[Any, only("none", "auto", kind="unsupported_parameter")] = None
    audio: Unsupported = None
    prediction: Unsupported = None
    prompt_cache_retention: CacheRetention | None = Field(None, description="Accepted; not used.")
    prompt_cache_options: dict[str, Any] | None = Field(None, description="Accepted; not used.")
    reasoning_effort: Annotated[
        ReasoningEffort | None, only("none", kind="unsupported_parameter")
    ] = None
    verbosity: Annotated[Verbosity | None, only("medium")] = None
    web_search_options: Unsupported = None
    moderation: ModerationOptions | None = Field(
        None, description="Return moderation scores with the completion, or block flagged text."
    )

    conversation_id: Name | None = Field(
        None,
        description="tutelage extension: append to this conversation the new `messages`.",
    )
    parent_id: Name | None = Field(
        None,
        description="tutelage extension, with `conversation_id`: the message to continue from. "
        "Default: the newest response. null: the root (another first prompt). A user message "
        "with empty `messages`: another response to it.",
    )

    @property
    def token_limit(self) -> int | None:
        """The requested limit, by either name."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def tool_options(self) -> dict[str, Any] | None:
        """The tools and how to use them, for an engine; None without any."""
        told = {"tools", "tool_choice", "parallel_tool_calls"}
        return self.model_dump(include=told, exclude_none=True) if self.tools else None


class ModerationNotice(BaseModel):
    """What moderation did, as a sentence for the user."""

    action: Literal["warn", "block"]
    categories: list[str]
    message: str


class TurnModeration(BaseModel):
    """What moderation did in a turn; null where it did not act."""

    prompt: ModerationNotice | None = None
    responses: list[ModerationNotice | None] = Field(description="One per choice.")


class TurnInfo(BaseModel):
    """tutelage extension: where the turn is stored, to rate and continue it."""

    conversation_id: str
    prompt_message_id: str = Field(description="The prompt.")
    message_ids: list[str] = Field(description="The responses, one per choice.")
    moderation: TurnModeration | None = None


class TopLogprob(BaseModel):
    """One of the most likely tokens at a position."""

    token: str
    logprob: float
    bytes: list[int] | None


class TokenLogprob(BaseModel):
    """A token of the response with its natural-log probability at temperature 1."""

    token: str
    logprob: float
    bytes: list[int] | None
    top_logprobs: list[TopLogprob]


class ChoiceLogprobs(BaseModel):
    """The tokens of a response."""

    content: list[TokenLogprob]
    refusal: None = None


FinishReason = Literal["stop", "length", "content_filter", "tool_calls"]


class CompletionMessage(BaseModel):
    """The HTTP response."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None
    annotations: list[Any] = Field(default_factory=list, description="Always empty.")
    tool_calls: list[CalledTool] | None = Field(None, exclude_if=lambda calls: calls is None)


class Choice(BaseModel):
    """One of the n responses."""

    index: int
    message: CompletionMessage
    logprobs: ChoiceLogprobs | None = None
    finish_reason: FinishReason


class CompletionUsage(BaseModel):
    """Token counts: the prompt once, all choices together."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatCompletion(BaseModel):
    """The responses to a turn."""

    id: str = Field(examples=["chatcmpl-18c2f0a1b2c3d4e5a1b2c3d4"])
    object: Literal["chat.completion"] = "chat.completion"
    created: int = Field(description="Unix seconds.")
    model: str = Field(description="The policy version that wrote it.")
    choices: list[Choice]
    usage: CompletionUsage
    system_fingerprint: str = Field(description="The policy version that wrote it.")
    moderation: Moderated | None = Field(None, description="The scores, if requested.")
    metadata: dict[str, str] | None = Field(None, description="As set by the client.")
    tutelage: TurnInfo


class ChatCompletions(Listed):
    """A page of stored completions."""

    data: list[ChatCompletion]


class Delta(BaseModel):
    """What is new in a choice."""

    role: Literal["assistant"] | None = None
    content: str | None = None
    tool_calls: list[CalledToolDelta] | None = None


class ChunkChoice(BaseModel):
    """A chunk of one of the n responses."""

    index: int
    delta: Delta
    logprobs: ChoiceLogprobs | None = None
    finish_reason: FinishReason | None = Field(description="null until the choice ends.")


class ChunkInfo(BaseModel):
    """tutelage extension: ids on the first chunk, moderation on the last of a choice."""

    conversation_id: str | None = None
    prompt_message_id: str | None = None
    message_ids: list[str] | None = None
    moderation: TurnModeration | None = None


class ChatCompletionChunk(BaseModel):
    """One server-sent event of a streamed completion; the stream ends with ``data: [DONE]``."""

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    choices: list[ChunkChoice]
    usage: CompletionUsage | None = None
    moderation: Moderated | None = Field(None, description="On a separate chunk, if requested.")
    system_fingerprint: str
    tutelage: ChunkInfo | None = None
