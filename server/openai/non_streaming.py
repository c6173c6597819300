"""A turn for a client that waits for the whole of it."""

import asyncio

from fastapi import Request

from server.chat.response import ResponseDelta
from server.chat.turn import Turn
from server.chat.turn_service import TurnService
from server.http.errors import ApiError


async def completed(request: Request, turns: TurnService, turn: Turn) -> list[ResponseDelta]:
    """All deltas of the turn; the turn is stopped when the client disconnects.

    Raises the turn's error, and ApiError 499 for a client that disconnected.
    """
    writing = asyncio.create_task(_deltas(turn))
    leaving = asyncio.create_task(_disconnected(request))
    try:
        await asyncio.wait({writing, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
        if not writing.done():
            turns.abandon(turn)
            writing.cancel()
    if not writing.done():
        raise ApiError(499, "The client disconnected.", code="client_closed_request")
    if turn.failure:
        raise turn.failure
    return writing.result()


async def _deltas(turn: Turn) -> list[ResponseDelta]:
    return [event async for event in turn.events() if isinstance(event, ResponseDelta)]


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
