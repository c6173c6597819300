"""POST /v1/chat/completions: a turn, as JSON or as a stream."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from fastapi.concurrency import run_in_threadpool

from server.chat.request import Asked, place
from server.chat.response import Piece
from server.chat.turn import Turn, Turns
from server.dependencies import ChatterDep, ServicesDep, TurnsDep
from server.http.auth import Caller
from server.http.errors import ApiError
from server.openai.chat_completions import Chunks, whole
from server.openai.sse import EventStream, frames
from server.routes.openai.models import named_policy
from server.schemas.openai.chat import ChatCompletion, ChatCompletionRequest
from server.services import Services
from tutelage.errors import Invalid

router = APIRouter(prefix="/v1/chat", tags=["chat"])

_STREAM: dict[str, Any] = {
    "description": "The completion; with `stream`, chunks as server-sent events.",
    "content": {
        "text/event-stream": {
            "schema": {
                "type": "object",
                "required": ["data"],
                "properties": {"data": {"type": "string", "description": "JSON, or `[DONE]`."}},
                "description": "Events; `data` holds a ChatCompletionChunk.",
            }
        }
    },
}
TrainingHeader = Annotated[
    str | None,
    Header(alias="x-tutelage-training", description="`off`: never train on this conversation."),
]


@router.post("/completions", response_model=ChatCompletion, responses={200: _STREAM})
async def create_completion(
    body: ChatCompletionRequest,
    request: Request,
    caller: ChatterDep,
    services: ServicesDep,
    turns: TurnsDep,
    training: TrainingHeader = None,
) -> Response | ChatCompletion:
    """Answer a conversation. Everything is stored and can be judged with POST /v1/feedback."""
    asked = await run_in_threadpool(_asked, services, caller, body, training)
    turn = await turns.begin(asked)
    if body.stream:
        usage = bool(body.stream_options and body.stream_options.include_usage)
        chunks = Chunks(turn, bool(body.logprobs), usage, body.moderation is not None)
        return EventStream(turns, turn, frames(turn, chunks))
    pieces = await written(request, turns, turn)
    return whole(turn, pieces, bool(body.logprobs), body.moderation is not None)


def _asked(
    services: Services, caller: Caller, body: ChatCompletionRequest, training: str | None
) -> Asked:
    if body.stream_options and not body.stream:
        raise Invalid("stream_options needs stream=true.", "stream_options")
    if body.top_logprobs and not body.logprobs:
        raise Invalid("top_logprobs needs logprobs=true.", "top_logprobs")
    if body.moderation and services.classifier is None:
        raise Invalid("Moderation is switched off here (TUTELAGE_MODERATION=off).", "moderation")
    allowed = allowed_training(training)
    policy_id = named_policy(services, caller, body.model)
    asked = place(services.store, services.settings, caller, body, allowed, policy_id)
    check_tools(services, body, asked, "messages")
    return asked


def check_tools(
    services: Services, body: ChatCompletionRequest, asked: Asked, dialogue: str
) -> None:
    """Refuse a choice among no tools; and tools, or a ``dialogue`` with some, if none are known."""
    if not body.tools and body.tool_choice not in (None, "none", "auto"):
        raise Invalid("tool_choice needs tools.", "tool_choice")
    if services.generator.takes_tools:
        return
    used = any("tool_calls" in each or each["role"] == "tool" for each in asked.dialogue)
    if body.tools or used:
        raise ApiError(
            400,
            "The policy that answers here cannot use tools. Send the request without them, or to "
            "a service whose engine knows them.",
            param="tools" if body.tools else dialogue,
            code="unsupported_parameter",
        )


def allowed_training(header: str | None) -> bool:
    """Whether this call leaves training as the person or key has it."""
    if header is None or header.strip().lower() == "on":
        return True
    if header.strip().lower() == "off":
        return False
    raise Invalid("x-tutelage-training is `on` or `off`.", "x-tutelage-training")


async def written(request: Request, turns: Turns, turn: Turn) -> list[Piece]:
    """All pieces of the turn; the turn is stopped when the client does not wait for it."""
    writing = asyncio.create_task(_pieces(turn))
    leaving = asyncio.create_task(_disconnected(request))
    try:
        await asyncio.wait({writing, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
        if not writing.done():
            turns.stop_soon(turn)
            writing.cancel()
    if not writing.done():
        raise ApiError(499, "The client went away.", code="client_closed_request")
    if turn.failure:
        raise turn.failure
    return writing.result()


async def _pieces(turn: Turn) -> list[Piece]:
    return [event async for event in turn.events() if isinstance(event, Piece)]


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
