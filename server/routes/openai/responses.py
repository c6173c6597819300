"""/v1/responses: the same turns in OpenAI's newer API."""

from fastapi import APIRouter, Request
from fastapi import Response as HTTPResponse
from fastapi.concurrency import run_in_threadpool

from server.dependencies import (
    CallerDep,
    ChatterDep,
    PolicyDep,
    ServicesDep,
    StateDep,
    TrainingDep,
)
from server.openai.non_streaming import completed
from server.openai.response_request import turn_request
from server.openai.responses import (
    ResponseEvents,
    completion_id,
    echoed_fields,
    of_stored,
    of_turn,
    refused_event,
)
from server.openai.sse import streamed
from server.schemas.openai.responses import Response, ResponseDeleted, ResponseRequest
from server.schemas.text import Name
from tutelage.chat import completions
from tutelage.tables import CompletionKind

router = APIRouter(prefix="/v1/responses", tags=["responses"])


@router.post("", response_model=Response)
async def create_response(
    body: ResponseRequest,
    request: Request,
    caller: ChatterDep,
    policy_id: PolicyDep,
    state: StateDep,
    training: TrainingDep,
) -> HTTPResponse | Response:
    """Create a response; a stream has OpenAI's ``response.…`` events, the last gives the status."""
    parsed = await run_in_threadpool(
        turn_request, state.services, caller, body, policy_id, training
    )
    echoed = echoed_fields(state.services.settings, body)
    if body.stream:
        return await streamed(
            state.turns, parsed, lambda turn: ResponseEvents(turn, echoed).frames(), refused_event
        )
    turn = await state.turns.begin(parsed)
    await completed(request, state.turns, turn)
    return of_turn(turn, echoed, turn.responses[0])


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
    """Remove a response from the list. DELETE /v1/conversations erases its conversation."""
    with services.store.write() as session:
        stored = completions.owned(
            session, completion_id(response_id), caller.user.id, CompletionKind.RESPONSE
        )
        session.delete(stored)
    return ResponseDeleted(id=response_id)
