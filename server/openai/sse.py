"""Server-sent events: how a turn reaches the client while it is written."""

from collections.abc import AsyncIterator

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from server.chat.turn import Turn
from server.chat.turn_service import TurnService

DONE = "[DONE]"
_HEADERS = {"cache-control": "no-cache, no-transform", "x-accel-buffering": "no"}


class EventStream(StreamingResponse):
    """Streams a turn; when the client disconnects, the turn is stopped."""

    def __init__(self, turns: TurnService, turn: Turn, frames: AsyncIterator[str]) -> None:
        super().__init__(frames, 200, _HEADERS, "text/event-stream")
        self._turns = turns
        self._turn = turn

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._turns.stop_soon(self._turn)


def frame(data: str, event: str = "") -> str:
    """One event, of that type where it has one."""
    named = f"event: {event}\n" if event else ""
    return f"{named}data: {data}\n\n"
