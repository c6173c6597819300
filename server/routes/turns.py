"""/v1/conversations/{id}/turns: turns of the web UI that are being written, watched or stopped."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.concurrency import run_in_threadpool

from server.chat import watching
from server.chat.watching import WatchedTurn
from server.dependencies import CallerDep, StateDep
from server.openai.sse import frame, watched
from server.schemas.conversations import ResponseProgress, TurnProgress
from server.schemas.text import Deleted, Name
from server.services import Services
from tutelage.chat import conversations

router = APIRouter(prefix="/v1/conversations/{conversation_id}/turns", tags=["conversations"])

_EVENTS: dict[str, Any] = {
    "description": "Server-sent events; `data` holds a TurnProgress, `id` its `after`.",
    "content": {"text/event-stream": {"schema": {"$ref": "#/components/schemas/TurnProgress"}}},
}


@router.get("/{turn_id}/events", response_model=TurnProgress, responses={200: _EVENTS})
async def watch_turn(
    conversation_id: Name,
    turn_id: Name,
    caller: CallerDep,
    state: StateDep,
    after: Annotated[Name, Query(description="`after` of the last event that arrived.")] = "",
) -> Response:
    """The text of a turn that is being written, or of one that has ended, as it grows."""
    store = state.services.store
    shown = watching.position(after)
    await run_in_threadpool(_require_owned, state.services, conversation_id, caller.user.id)
    turn = state.turns.running(turn_id)
    if turn and turn.prompt.conversation_id != conversation_id:
        turn = None
    if turn is None:
        await run_in_threadpool(watching.look, store, turn_id, conversation_id)
    return watched(_frames(watching.watch(store, turn, turn_id, conversation_id), shown))


@router.delete("/{turn_id}")
async def stop_turn(
    conversation_id: Name, turn_id: Name, caller: CallerDep, state: StateDep
) -> Deleted:
    """Stop a turn that is being written; what was written is stored. One that ended stays."""
    await run_in_threadpool(_require_turn, state.services, conversation_id, turn_id, caller.user.id)
    await state.turns.stop(turn_id)
    return Deleted(id=turn_id)


async def _frames(progress: AsyncIterator[WatchedTurn], shown: list[int]) -> AsyncIterator[str]:
    """Events with what is new since the characters of each response that were shown."""
    known: list[str | None] | None = None  # finish reasons; the first event comes at once
    async for each in progress:
        shown += [0] * (len(each.responses) - len(shown))
        new = [
            ResponseProgress(
                id=response["id"],
                text=response["text"][start:],
                finish_reason=response["finish_reason"],
            )
            for response, start in zip(each.responses, shown, strict=False)
        ]
        shown = [
            max(start, len(response["text"]))
            for response, start in zip(each.responses, shown, strict=False)
        ]
        ends = [response.finish_reason for response in new]
        if each.ended or ends != known or any(response.text for response in new):
            known = ends
            event = TurnProgress(after=",".join(map(str, shown)), responses=new, ended=each.ended)
            yield f"id: {event.after}\n{frame(event.model_dump_json())}"


def _require_owned(services: Services, conversation_id: str, owner_id: str) -> None:
    with services.store.read() as session:
        conversations.owned(session, conversation_id, owner_id)


def _require_turn(services: Services, conversation_id: str, turn_id: str, owner_id: str) -> None:
    _require_owned(services, conversation_id, owner_id)
    watching.look(services.store, turn_id, conversation_id)
