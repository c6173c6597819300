"""A request of OpenAI's responses API as a turn request."""

from collections.abc import Sequence
from typing import Any

from server.chat.request import Listing, TurnRequest, message
from server.generators.generator import Sampling
from server.http.auth import Caller
from server.http.errors import ApiError
from server.openai.responses import completion_id, echoed_fields
from server.openai.sampling import chosen
from server.openai.tool_calls import require_tools
from server.schemas.openai.responses import (
    InputCall,
    InputCallOutput,
    InputItem,
    NamedFunction,
    ResponseRequest,
)
from server.services import Services
from tutelage.chat import completions
from tutelage.errors import Conflict, NotFound
from tutelage.settings import Settings
from tutelage.tables import CompletionKind


def turn_request(
    services: Services,
    caller: Caller,
    body: ResponseRequest,
    policy_id: str | None,
    training: bool,
) -> TurnRequest:
    """A turn of the policy named. Raises ApiError 400 for an unknown previous response."""
    require_tools(body.tools, body.tool_choice)
    if body.stream_options and not body.stream:
        problem = "'stream_options' is only allowed with 'stream'."
        raise ApiError(400, problem, param="stream_options")
    return TurnRequest(
        caller=caller,
        messages=_messages(body.input),
        samplings=[_sampling(services, body)],
        instructions=body.instructions,
        inherits_system=False,
        training=training,
        listing=_listing(services.settings, body),
        policy_id=policy_id,
        field="input",
        listed=not isinstance(body.input, str),
        **_continued(services, caller, body.previous_response_id),
    )


def _messages(given: str | Sequence[InputItem]) -> list[dict[str, Any]]:
    """The items as messages; calls belong to the assistant message before them."""
    if isinstance(given, str):
        return [message("user", given)]
    messages: list[dict[str, Any]] = []
    for item in given:
        if isinstance(item, InputCallOutput):
            messages.append(message("tool", item.text, tool_call_id=item.call_id))
        elif isinstance(item, InputCall):
            if not messages or messages[-1]["role"] != "assistant":
                messages.append(message("assistant", ""))
            messages[-1].setdefault("tool_calls", []).append(_call(item))
        else:
            role = "system" if item.role == "developer" else item.role
            messages.append(message(role, item.text))
    return messages


def _call(item: InputCall) -> dict[str, Any]:
    function = {"name": item.name, "arguments": item.arguments}
    return {"id": item.call_id, "type": "function", "function": function}


def _sampling(services: Services, body: ResponseRequest) -> Sampling:
    form = body.text.format if body.text else None
    return Sampling(
        **chosen(services.settings, temperature=body.temperature, top_p=body.top_p),
        max_tokens=body.max_output_tokens or services.settings.max_response_tokens,
        schema=form.constraint if form else None,
        tools=_tools(body),
    )


def _tools(body: ResponseRequest) -> dict[str, Any] | None:
    """What engines are told of tools, in the format of chat completions."""
    if not body.tools:
        return None
    offered = [each.model_dump(exclude_none=True) for each in body.tools]
    choice: Any = body.tool_choice
    if isinstance(choice, NamedFunction):
        choice = {"type": choice.type, "function": {"name": choice.name}}
    told = {
        "tools": [{"type": each.pop("type"), "function": each} for each in offered],
        "tool_choice": choice,
        "parallel_tool_calls": body.parallel_tool_calls,
    }
    return {name: value for name, value in told.items() if value is not None}


def _listing(settings: Settings, body: ResponseRequest) -> Listing | None:
    if body.store is False:
        return None
    echoed = {
        name: each for name, each in echoed_fields(settings, body).items() if name != "metadata"
    }
    return Listing(CompletionKind.RESPONSE, body.metadata or {}, echoed)


def _continued(services: Services, caller: Caller, previous: str | None) -> dict[str, Any]:
    """Where an earlier response ended."""
    if previous is None:
        return {}
    with services.store.read() as session:
        try:
            stored = completions.owned(
                session, completion_id(previous), caller.user.id, CompletionKind.RESPONSE
            )
        except NotFound as error:
            problem = f"No stored response {previous!r}."
            field, code = "previous_response_id", "previous_response_not_found"
            raise ApiError(400, problem, param=field, code=code) from error
        messages = completions.answers(session, stored)
    if not messages:
        raise Conflict(f"{previous} is not complete yet.", "previous_response_id")
    return {"conversation_id": stored.conversation_id, "parent_id": messages[0].id}
