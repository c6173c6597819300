"""What a client asks for, whichever API it came through, and its place in the stored tree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Literal

from server.chat.minimum_actions import MinimumActions
from server.generators.generator import Sampling, prefix_of
from server.http.auth import Caller
from server.http.errors import ApiError
from server.services import Services
from tutelage.chat import conversations
from tutelage.errors import Invalid
from tutelage.people import teams
from tutelage.store import Store
from tutelage.tables import CompletionKind, Message

Dialogue = Sequence[dict[str, Any]]  # OpenAI's messages, as generators take them


class Parent(Enum):
    """Where a request continues its conversation unless it names a message."""

    NEWEST = auto()  # after the newest response


@dataclass(frozen=True)
class Listing:
    """Makes the completion retrievable later; what is stored with it."""

    kind: CompletionKind
    tags: Mapping[str, str]
    request: Mapping[str, Any]


@dataclass(frozen=True)
class TurnRequest:
    """A chat turn as a client asks for it."""

    caller: Caller
    messages: Dialogue  # the new ones
    samplings: Sequence[Sampling]  # one per choice
    conversation_id: str | None = None  # None: a new conversation
    parent_id: str | Literal[Parent.NEWEST] | None = Parent.NEWEST  # None: the root
    instructions: str | None = None  # a system prompt for this turn
    inherits_system: bool = True  # False: system messages of earlier turns do not apply
    continued: bool = False  # the last message is a response's beginning: the response goes on
    raw: bool = False  # the only message is a text to continue, without a chat template
    training: bool = True  # False: the conversation is excluded from training
    listing: Listing | None = None  # set where the client wants to look the completion up later
    moderation: MinimumActions | None = None  # at least as strict as this
    policy_id: str | None = None  # the policy that was asked for by name; None: the current one
    field: str = "messages"  # the HTTP field that holds the messages, for error messages
    listed: bool = True  # False: that field is the text of the only message

    @property
    def survives(self) -> bool:
        """Whether it goes on when its client disconnects: the web UI can watch it again."""
        return self.caller.key is None


@dataclass(frozen=True)
class ResolvedRequest:
    """A request that can be answered, with its place in the stored tree."""

    turn: TurnRequest
    parent_id: str | None  # parent of the new messages; the prompt itself where there are none
    new: Dialogue  # the messages to store
    dialogue: Dialogue  # history and new messages, as the generator takes them
    team_id: str | None = None  # the team whose policy answers
    policies: tuple[str | None, ...] = ()  # that write the choices in turn; None: the current one

    @property
    def prefix(self) -> str:
        """The text that the response continues, which is stored as its beginning."""
        return prefix_of(self.dialogue)

    @property
    def prompt(self) -> str:
        """Everything since the last response, tool results included: moderation checks this."""
        texts: list[str] = []
        asked = self.dialogue[:-1] if self.prefix else self.dialogue
        for message in reversed(asked):
            if message["role"] == "assistant":
                break
            if message["role"] in ("user", "tool", "text"):
                texts.append(message["content"])
        return "\n".join(reversed(texts))


def message(role: str, content: str, **tools: Any) -> dict[str, Any]:
    """A message of a dialogue; ``tool_calls`` and ``tool_call_id`` are left out where empty."""
    return {"role": role, "content": content} | {name: each for name, each in tools.items() if each}


def resolve_request(services: Services, request: TurnRequest) -> ResolvedRequest:
    """Find the place of a request in the stored tree.

    Raises Invalid or ApiError 400 for a request that cannot be answered, and NotFound for a
    conversation or message that is not the caller's.
    """
    _require_lengths(services.settings.max_message_chars, request)
    history, team_id = _history(services.store, request)
    instructions = [message("system", request.instructions)] if request.instructions else []
    starts = request.conversation_id is None
    new = [*(instructions if starts else []), *request.messages]
    dialogue = [_from_row(each) for each in history] + new
    _require_prompt(request, dialogue)
    _require_tool_support(services.generator.takes_tools, request, dialogue)
    if not starts and not request.inherits_system:
        dialogue = instructions + [each for each in dialogue if each["role"] != "system"]
    if request.continued:  # the last message is stored as a part of the response
        history, new = (history, new[:-1]) if new else (history[:-1], new)
        dialogue = dialogue if dialogue[-1]["content"] else dialogue[:-1]
    if request.raw:
        dialogue = [each | {"role": "text"} for each in dialogue]
    parent_id = history[-1].id if history else None
    return ResolvedRequest(request, parent_id, new, dialogue, team_id)


def _require_lengths(longest: int, request: TurnRequest) -> None:
    texts = {
        f"{request.field}[{index}].content" if request.listed else request.field: each["content"]
        for index, each in enumerate(request.messages)
    }
    for field, text in (texts | {"instructions": request.instructions or ""}).items():
        if len(text) > longest:
            problem = f"Message too long ({len(text)} of {longest} characters)."
            raise ApiError(400, problem, param=field, code="string_above_max_length")


def _require_prompt(request: TurnRequest, dialogue: Dialogue) -> None:
    if not dialogue:
        problem = "messages is empty: there is no message to respond to."
        raise ApiError(400, problem, param="messages", code="array_below_min_length")
    last = dialogue[-1]
    if request.continued and (last["role"] != "assistant" or "tool_calls" in last):
        problem = "Only an assistant message without tool calls can be continued."
        raise Invalid(problem, request.field)
    if request.continued and len(dialogue) == 1:
        raise Invalid("There is no message before the one to continue.", request.field)
    if not request.continued and last["role"] == "assistant":
        raise Invalid("The last message must not be an assistant message.", request.field)


def _require_tool_support(supported: bool, request: TurnRequest, dialogue: Dialogue) -> None:
    offered = any(sampling.tools for sampling in request.samplings)
    used = any("tool_calls" in each or each["role"] == "tool" for each in dialogue)
    if supported or not (offered or used):
        return
    raise ApiError(
        400,
        "The current policy does not support tools. Send the request without them, or use a "
        "service whose engine supports them.",
        param="tools" if offered else request.field,
        code="unsupported_parameter",
    )


def _history(store: Store, request: TurnRequest) -> tuple[list[Message], str | None]:
    """The messages before, and the team whose policy answers."""
    user_id = request.caller.user.id
    if request.conversation_id is None:
        if isinstance(request.parent_id, str):
            raise Invalid("parent_id requires conversation_id.", "parent_id")
        with store.read() as session:
            return [], teams.answering(session, user_id, None)
    with store.read() as session:
        chat = conversations.owned(session, request.conversation_id, user_id)
        tree = conversations.messages(session, request.conversation_id)
        team_id = teams.answering(session, user_id, chat)
    named = request.parent_id
    path = conversations.path_to(tree, _newest(tree) if named is Parent.NEWEST else named)
    return path, team_id


def _newest(tree: Sequence[Message]) -> str | None:
    """The newest message; of several choices the first."""
    if not tree:
        return None
    newest = tree[-1]
    choices = [each for each in tree if newest.completion_id
               and each.completion_id == newest.completion_id]  # fmt: skip
    return min(choices or [newest], key=lambda each: each.choice or 0).id


def _from_row(row: Message) -> dict[str, Any]:
    return message(row.role, row.content, tool_calls=row.tool_calls, tool_call_id=row.tool_call_id)
