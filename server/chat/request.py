"""What a chat request asks: where it belongs in the stored tree and the dialogue that it makes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from server.generators.generator import Sampling
from server.http.auth import Caller
from server.schemas.openai.chat import (
    AssistantMessage,
    ChatCompletionRequest,
    InputMessage,
    ToolMessage,
)
from server.schemas.openai.moderation_field import ModerationOptions
from tutelage.chat import conversations
from tutelage.errors import Invalid
from tutelage.settings import Settings
from tutelage.store import Store
from tutelage.tables import CompletionKind, Message

Dialogue = Sequence[dict[str, Any]]  # as generators take it


@dataclass(frozen=True)
class Stored:
    """That the completion is to be listed, and what is kept with it."""

    kind: CompletionKind
    tags: Mapping[str, str]
    request: Mapping[str, Any]


@dataclass(frozen=True)
class Asked:
    """A chat request that makes sense."""

    caller: Caller
    conversation_id: str | None  # None: a new conversation
    parent_id: str | None  # what the new messages hang from; the prompt itself without any
    new: Dialogue
    dialogue: Dialogue  # history and new messages, as the generator takes them
    samplings: Sequence[Sampling]  # one per choice
    training: bool  # False: this call switches it off for its conversation
    stored: Stored | None = None  # set where the client wants to look it up later
    moderation: ModerationOptions | None = None  # what the request adds to the operator's rules
    policy_id: str | None = None  # the policy that was asked for by name; None: whoever is current

    @property
    def prompt(self) -> str:
        """What was said since the last answer, tools included: this is what moderation reads."""
        said: list[str] = []
        for message in reversed(self.dialogue):
            if message["role"] == "assistant":
                break
            if message["role"] in ("user", "tool"):
                said.append(message["content"])
        return "\n".join(reversed(said))


def place(
    store: Store,
    settings: Settings,
    caller: Caller,
    request: ChatCompletionRequest,
    training: bool = True,
    policy_id: str | None = None,
) -> Asked:
    """Find the request's place. Raises Invalid, and NotFound for what is not the caller's."""
    new = [_message(settings, index, each) for index, each in enumerate(request.messages)]
    history = _history(store, caller, request)
    dialogue = [_turn(each.role, each.content, **_calls(each)) for each in history] + new
    if not dialogue:
        raise Invalid("There is nothing to answer: messages is empty.", "messages")
    if dialogue[-1]["role"] == "assistant":
        raise Invalid("The last message must be one to answer, not the assistant's.", "messages")
    return Asked(
        caller=caller,
        conversation_id=request.conversation_id,
        parent_id=history[-1].id if history else None,
        new=new,
        dialogue=dialogue,
        samplings=[_sampling(request, settings, choice) for choice in range(request.n or 1)],
        training=training,
        stored=Stored(CompletionKind.CHAT, request.metadata or {}, {}) if request.store else None,
        moderation=request.moderation,
        policy_id=policy_id,
    )


def _message(settings: Settings, index: int, message: InputMessage) -> dict[str, Any]:
    text, longest = message.text, settings.max_message_chars
    if len(text) > longest:
        raise Invalid(
            f"The message is {len(text)} characters long; at most {longest} are read.",
            f"messages.{index}.content",
        )
    if isinstance(message, ToolMessage):
        return _turn("tool", text, tool_call_id=message.tool_call_id)
    if isinstance(message, AssistantMessage):
        calls = [each.model_dump() for each in message.tool_calls or ()]
        return _turn("assistant", text, tool_calls=calls)
    return _turn("system" if message.role == "developer" else message.role, text)


def _calls(message: Message) -> dict[str, Any]:
    return {"tool_calls": message.tool_calls, "tool_call_id": message.tool_call_id}


def _turn(role: str, content: str, **calls: Any) -> dict[str, Any]:
    """A message; most have nothing to do with tools."""
    return {"role": role, "content": content} | {name: each for name, each in calls.items() if each}


def _history(store: Store, caller: Caller, request: ChatCompletionRequest) -> list[Message]:
    if request.conversation_id is None:
        if request.parent_id is not None:
            raise Invalid("parent_id needs a conversation_id.", "parent_id")
        return []
    with store.read() as session:
        conversations.owned(session, request.conversation_id, caller.user.id)
        tree = conversations.messages(session, request.conversation_id)
    return conversations.path_to(tree, _parent_id(tree, request))


def _parent_id(tree: Sequence[Message], request: ChatCompletionRequest) -> str | None:
    """The message named (null: the root), else the newest; of several choices the first."""
    if "parent_id" in request.model_fields_set:
        return request.parent_id
    if not tree:
        return None
    newest = tree[-1]
    choices = [each for each in tree if newest.completion_id
               and each.completion_id == newest.completion_id]  # fmt: skip
    return min(choices or [newest], key=lambda each: each.choice or 0).id


def _sampling(request: ChatCompletionRequest, settings: Settings, choice: int) -> Sampling:
    """How one choice is sampled; with a seed, every choice has its own."""
    return Sampling(
        temperature=1.0 if request.temperature is None else request.temperature,
        top_p=1.0 if request.top_p is None else request.top_p,
        max_tokens=request.token_limit or settings.max_response_tokens,
        seed=None if request.seed is None else request.seed + choice,
        stop=request.stops,
        top_k=request.top_k or 0,
        presence_penalty=request.presence_penalty or 0.0,
        frequency_penalty=request.frequency_penalty or 0.0,
        logit_bias={int(token): bias for token, bias in (request.logit_bias or {}).items()},
        schema=request.response_format.constraint if request.response_format else None,
        top_logprobs=request.top_logprobs or 0,
        tools=request.tool_options,
    )
