"""Server-sent events: how a turn reaches the client while it is written."""

import asyncio
from collections.abc import AsyncIterator

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from server.chat.turn import Turn
from server.chat.turn_service import TurnService

DONE = "[DONE]"
PING = ": ping\n\n"  # a comment, which clients ignore
PING_SECONDS = 3.0
_HEADERS = {"cache-control": "no-cache, no-transform", "x-accel-buffering": "no"}


class EventStream(StreamingResponse):
    """Streams a turn; when the client disconnects, the turn is stopped."""

    def __init__(self, turns: TurnService, turn: Turn, frames: AsyncIterator[str]) -> None:
        super().__init__(with_pings(frames, PING_SECONDS), 200, _HEADERS, "text/event-stream")
        self._turns = turns
        self._turn = turn

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._turns.stop_soon(self._turn)


async def with_pings(frames: AsyncIterator[str], seconds: float) -> AsyncIterator[str]:
    """The frames, with a ping whenever none came for so long: a response waits in the queue.

    Proxies so do not take the connection for dead. The first frame comes at once.
    """
    coming = asyncio.ensure_future(_next(frames))
    try:
        while True:
            await asyncio.wait({coming}, timeout=seconds)
            if not coming.done():
                yield PING
                continue
            if (ready := coming.result()) is None:
                return
            yield ready
            coming = asyncio.ensure_future(_next(frames))
    finally:
        coming.cancel()


async def _next(frames: AsyncIterator[str]) -> str | None:
    return await anext(frames, None)


def frame(data: str, event: str = "") -> str:
    """One event, of that type where it has one."""
    named = f"event: {event}\n" if event else ""
    return f"{named}data: {data}\n\n"
