"""/v1/responses: the same turns in the words of OpenAI's newer API."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from fastapi import Response as HTTPResponse
from fastapi.concurrency import run_in_threadpool

from server.chat.request import Asked, Stored, place
from server.dependencies import CallerDep, ChatterDep, ServicesDep, TurnsDep
from server.http.auth import Caller
from server.openai.responses import Events, completion_id, of_stored, of_turn, told_again
from server.openai.sse import EventStream
from server.routes.openai.chat import TrainingHeader, allowed_training, check_tools, written
from server.routes.openai.models import named_policy
from server.schemas.openai.chat import ChatCompletionRequest
from server.schemas.openai.responses import (
    InputCall,
    InputCallOutput,
    InputMessage,
    NamedFunction,
    Response,
    ResponseDeleted,
    ResponseRequest,
)
from server.schemas.text import Name
from server.services import Services
from tutelage.chat import completions
from tutelage.errors import Conflict, Invalid, NotFound
from tutelage.tables import CompletionKind

router = APIRouter(prefix="/v1/responses", tags=["responses"])


@router.post("", response_model=Response)
async def create_response(
    body: ResponseRequest,
    request: Request,
    caller: ChatterDep,
    services: ServicesDep,
    turns: TurnsDep,
    training: TrainingHeader = None,
) -> HTTPResponse | Response:
    """Answer; a stream's events are OpenAI's ``response.…``, and the last one says how it ended."""
    asked = await run_in_threadpool(_asked, services, caller, body, training)
    turn = await turns.begin(asked)
    if body.stream:
        return EventStream(turns, turn, Events(turn, told_again(body)).frames())
    await written(request, turns, turn)
    return of_turn(turn, told_again(body), turn.answers[0])


@router.get("/{response_id}")
def get_response(response_id: Name, caller: CallerDep, services: ServicesDep) -> Response:
    """A stored response."""
    with services.store.read() as session:
        stored = completions.owned(
            session, completion_id(response_id), caller.user.id, CompletionKind.RESPONSE
        )
        return of_stored(stored, completions.answers(session, stored))


@router.delete("/{response_id}")
def delete_response(response_id: Name, caller: CallerDep, services: ServicesDep) -> ResponseDeleted:
    """Forget that it was stored. Its conversation stays: DELETE /v1/conversations erases that."""
    with services.store.write() as session:
        stored = completions.owned(
            session, completion_id(response_id), caller.user.id, CompletionKind.RESPONSE
        )
        session.delete(stored)
    return ResponseDeleted(id=response_id)


def _asked(
    services: Services, caller: Caller, body: ResponseRequest, training: str | None
) -> Asked:
    allowed = allowed_training(training)
    policy_id = named_policy(services, caller, body.model)
    chat = ChatCompletionRequest.model_validate(_as_chat(services, caller, body))
    asked = place(services.store, services.settings, caller, chat, allowed, policy_id)
    check_tools(services, chat, asked, "input")
    if body.previous_response_id:
        asked = replace(asked, dialogue=_instructed(asked, body.instructions))
    if body.store is False:
        return asked
    told = {name: value for name, value in told_again(body).items() if name != "metadata"}
    return replace(asked, stored=Stored(CompletionKind.RESPONSE, body.metadata or {}, told))


def _as_chat(services: Services, caller: Caller, body: ResponseRequest) -> dict[str, Any]:
    """The same request as a chat completion."""
    items = body.input
    said = [{"role": "user", "content": items}] if isinstance(items, str) else _said(items)
    if body.instructions and not body.previous_response_id:
        said.insert(0, {"role": "system", "content": body.instructions})
    chat: dict[str, Any] = {
        "model": body.model,
        "messages": said,
        "temperature": body.temperature,
        "top_p": body.top_p,
        "max_completion_tokens": body.max_output_tokens,
        "response_format": _format(body),
    }
    if body.tools or body.tool_choice:
        chat |= _tools(body)
    return chat | _continued(services, caller, body.previous_response_id)


def _said(items: Sequence[InputMessage | InputCall | InputCallOutput]) -> list[dict[str, Any]]:
    """The items as a chat's messages; calls belong to what the assistant said before them."""
    said: list[dict[str, Any]] = []
    for item in items:
        if isinstance(item, InputCallOutput):
            said.append({"role": "tool", "tool_call_id": item.call_id, "content": item.text})
        elif isinstance(item, InputMessage):
            said.append({"role": item.role, "content": item.text})
        else:
            if not said or said[-1]["role"] != "assistant":
                said.append({"role": "assistant", "content": ""})
            function = {"name": item.name, "arguments": item.arguments}
            call = {"id": item.call_id, "type": "function", "function": function}
            said[-1].setdefault("tool_calls", []).append(call)
    return said


def _tools(body: ResponseRequest) -> dict[str, Any]:
    """What is said of tools, as a chat's request has it: a function lies one level deeper."""
    choice = body.tool_choice
    if isinstance(choice, NamedFunction):
        chosen: Any = {"type": choice.type, "function": {"name": choice.name}}
    else:
        chosen = choice
    offered = [each.model_dump(exclude_none=True) for each in body.tools or ()]
    return {
        "tools": [{"type": each.pop("type"), "function": each} for each in offered] or None,
        "tool_choice": chosen,
        "parallel_tool_calls": body.parallel_tool_calls,
    }


def _format(body: ResponseRequest) -> dict[str, Any] | None:
    form = body.text.format if body.text else None
    if form is None:
        return None
    given = form.model_dump(by_alias=True, exclude_none=True)
    if form.type != "json_schema":
        return given
    return {"type": given.pop("type"), "json_schema": given}


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
            problem = f"There is no stored response {previous!r}."
            raise Invalid(problem, "previous_response_id") from error
        answers = completions.answers(session, stored)
    if not answers:
        raise Conflict(f"{previous} is still being written.", "previous_response_id")
    return {"conversation_id": stored.conversation_id, "parent_id": answers[0].id}


def _instructed(asked: Asked, instructions: str | None) -> list[dict[str, str]]:
    """The dialogue under this response's own instructions: earlier ones do not carry over."""
    own = [{"role": "system", "content": instructions}] if instructions else []
    return own + [message for message in asked.dialogue if message["role"] != "system"]
