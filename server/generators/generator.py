"""The seam between the server and the inference engine: a conversation in, tokens out."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tutelage.errors import Invalid, Unavailable

# OpenAI's messages with role and content; an assistant's may have tool_calls, a tool's its id.
# Where the last one is an assistant's, the response continues its text. A single message of role
# "text" is continued as it is, without the chat template.
Messages = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Sampling:
    """How the tokens of one response are chosen."""

    temperature: float = 1.0  # 0 = greedy
    top_p: float = 1.0
    max_tokens: int = 512
    seed: int | None = None
    stop: tuple[str, ...] = ()
    top_k: int = 0  # 0 = all
    presence_penalty: float = 0.0  # subtracted from the logit of every token generated before,
    frequency_penalty: float = 0.0  # and this once per occurrence
    repetition_penalty: float = 1.0  # divides positive logits of tokens of prompt and response
    min_p: float = 0.0  # no token below this share of the most probable one's probability
    logit_bias: Mapping[int, float] = field(default_factory=dict)  # token id -> added to its logit
    schema: str | None = None  # JSON Schema that the response follows
    top_logprobs: int = 0  # how many alternatives are returned with each token
    ignore_eos: bool = False  # whether only max_tokens and stop strings end the response
    tools: Mapping[str, Any] | None = None  # OpenAI's tools, tool_choice, parallel_tool_calls


def prefix_of(messages: Messages) -> str:
    """The text that the response continues; empty where it begins anew."""
    last = messages[-1] if messages else {"role": ""}
    return str(last["content"]) if last["role"] == "assistant" else ""


def raw_text(messages: Messages) -> str | None:
    """The text that is continued without a chat template; None where the messages are a chat."""
    is_text = len(messages) == 1 and messages[0]["role"] == "text"
    return str(messages[0]["content"]) if is_text else None


@dataclass(frozen=True)
class Alternative:
    """One of the most probable tokens at a position."""

    text: str
    token_id: int
    logprob: float
    raw: bytes | None = None  # where they are not those of the text: half a character, for one


@dataclass(frozen=True)
class ToolCall:
    """A tool call of the policy, or a part of one: parts of one index join."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""  # JSON, as the policy wrote it

    def joined(self, more: "ToolCall") -> "ToolCall":
        """This call with a later part of it."""
        arguments = self.arguments + more.arguments
        return ToolCall(self.index, self.id or more.id, self.name or more.name, arguments)


@dataclass(frozen=True)
class Token:
    """One generated token."""

    text: str  # what it adds; "" inside a multi-byte character, for end-of-sequence, in a stop
    token_id: int  # -1 where a remote engine does not return it
    logprob: float  # natural log, at temperature 1 over the full vocabulary, before any bias
    top: tuple[Alternative, ...] = ()  # likeliest first
    call: ToolCall | None = None  # the part of a tool call that it adds, instead of text


@dataclass(frozen=True)
class Divergence:
    """How far a policy as served is from the policy as trained, over some responses."""

    mean: float  # of the absolute differences of log-probabilities, in nats
    largest: float
    greedy: float  # share of positions at which both have the same most probable token


@dataclass(frozen=True)
class Occupancy:
    """How busy an engine in this process is, over all policies in memory."""

    waiting: int  # responses in the queue
    running: int  # responses being generated
    cache_used: int  # tokens of the KV cache that running responses hold
    cache_capacity: int  # tokens


class ContextTooLong(Invalid):
    """The conversation leaves no room for a response."""

    def __init__(self, prompt_tokens: int, context_window: int) -> None:
        super().__init__(
            f"The conversation is {prompt_tokens} tokens long and this policy reads at most "
            f"{context_window}, with its answer. Shorten it or start a new conversation.",
            "messages",
        )
        self.prompt_tokens = prompt_tokens
        self.context_window = context_window


class Overloaded(Unavailable):
    """As many responses are running and waiting as the settings allow."""

    def __init__(self, streams: int) -> None:
        super().__init__(
            f"{streams} responses are being generated or are queued already. Try again in a moment."
        )


class ShuttingDown(Unavailable):
    """The generator was closed before the response was complete."""

    def __init__(self) -> None:
        super().__init__("The service is shutting down; the answer was cut short.")


class Stream(Protocol):
    """One response being generated.

    Iterating raises ``Unavailable`` when the generation fails or the generator is closed midway.
    """

    policy_id: str  # fixed at the start; never changes within a response
    prompt_tokens: int
    finish_reason: str | None  # "stop" | "length" | "tool_calls", at the end; None: cancelled
    queued_seconds: float | None  # until its prompt was begun; None: not yet, or not known

    def __aiter__(self) -> AsyncIterator[Token]: ...

    async def aclose(self) -> None:
        """Stop generating at the next token. Harmless when it has ended already."""
        ...


class Generator(Protocol):
    """Serves the current policy and challengers beside it; running streams survive a change."""

    @property
    def policy_id(self) -> str | None:
        """The current policy, which new streams use; None before the first ``load``."""
        ...

    @property
    def challengers(self) -> tuple[str, ...]:
        """The policies that new streams use only where they name them: on trial, or a team's."""
        ...

    @property
    def context_window(self) -> int:
        """Tokens of prompt and answer together."""
        ...

    @property
    def divergence(self) -> Divergence | None:
        """Of the current policy; None where it is served as trained, or by another engine."""
        ...

    @property
    def engine(self) -> str:
        """What computes the current policy, and why; empty where there is none."""
        ...

    @property
    def occupancy(self) -> Occupancy | None:
        """How busy it is; None where the engine is another process."""
        ...

    @property
    def takes_tools(self) -> bool:
        """Whether its policies support tools, tool calls and tool messages."""
        ...

    async def start(
        self,
        messages: Messages,
        sampling: Sampling,
        policy_id: str | None = None,
    ) -> Stream:
        """Begin a response, on the current policy or on the one named.

        Raises ContextTooLong, Overloaded; Unavailable when there is no (such) policy.
        """
        ...

    async def load(self, policy_id: str, path: Path, *, challenger: bool = False) -> None:
        """Load a policy directory, then make it the current policy, or a challenger.

        Where there is no room, the challenger that was asked longest ago leaves first, unless it is
        the one that becomes current. Raises Unavailable, and keeps the current policy, when the
        directory is unusable.
        """
        ...

    async def unload(self, policy_id: str) -> None:
        """Start nothing more on a challenger; it goes when its last stream has ended."""
        ...

    async def close(self) -> None:
        """End all streams and free all memory."""
        ...
