"""POST /v1/chat/completions: a turn, as JSON or as a stream."""

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from server.dependencies import ChatterDep, PolicyDep, StateDep, TrainingDep
from server.openai.chat_completions import CompletionEvents, of_turn
from server.openai.completion_request import turn_request
from server.openai.non_streaming import completed
from server.openai.sse import event_stream, streamed
from server.schemas.openai.chat import ChatCompletion, ChatCompletionRequest
from server.schemas.openai.sampling import StreamOptions

router = APIRouter(prefix="/v1/chat", tags=["chat"])

_STREAM = event_stream(
    "The completion; with `stream`, chunks as server-sent events.", "ChatCompletionChunk"
)


@router.post("/completions", response_model=ChatCompletion, responses={200: _STREAM})
async def create_completion(
    body: ChatCompletionRequest,
    request: Request,
    caller: ChatterDep,
    policy_id: PolicyDep,
    state: StateDep,
    training: TrainingDep,
) -> Response | ChatCompletion:
    """Respond to a conversation. All responses are stored and can be rated with /v1/feedback."""
    parsed = await run_in_threadpool(
        turn_request, state.services, caller, body, policy_id, training
    )
    logprobs, scored = bool(body.logprobs), body.moderation is not None
    if body.stream:
        options = body.stream_options or StreamOptions()
        return await streamed(
            state.turns,
            parsed,
            lambda turn: CompletionEvents(turn, logprobs, options, scored).frames(),
        )
    turn = await state.turns.begin(parsed)
    deltas = await completed(request, state.turns, turn)
    return of_turn(turn, deltas, logprobs, scored)
