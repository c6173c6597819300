"""POST /v1/completions: a text is continued, by OpenAI's older API."""

from fastapi import APIRouter, Request, Response

from server.dependencies import ChatterDep, PolicyDep, StateDep
from server.openai.non_streaming import completed
from server.openai.sse import event_stream, streamed
from server.openai.text_completions import frames, of_turn, turn_request
from server.schemas.openai.text_completions import TextCompletion, TextCompletionRequest

router = APIRouter(prefix="/v1/completions", tags=["chat"])

_STREAM = event_stream(
    "The completion; with `stream`, chunks of the same form as server-sent events.",
    "TextCompletion",
)


@router.post("", response_model=TextCompletion, responses={200: _STREAM})
async def create_text_completion(
    body: TextCompletionRequest,
    request: Request,
    caller: ChatterDep,
    policy_id: PolicyDep,
    state: StateDep,
) -> Response | TextCompletion:
    """Continue a text as it is, without the chat template. It is stored and never trained on."""
    parsed = turn_request(state.services.settings, caller, body, policy_id)
    if body.stream:
        return await streamed(state.turns, parsed, lambda turn: frames(turn, body))
    turn = await state.turns.begin(parsed)
    deltas = await completed(request, state.turns, turn)
    return of_turn(turn, body, deltas)
