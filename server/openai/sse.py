"""Server-sent events: how a turn reaches the client while it is written."""

import json
from collections.abc import AsyncIterator

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from server.chat.turn import End, Failure, Turn, Turns
from server.http.errors import as_api_error
from server.openai.chat_completions import Chunks

DONE = "[DONE]"
_HEADERS = {"cache-control": "no-cache, no-transform", "x-accel-buffering": "no"}


class EventStream(StreamingResponse):
    """Streams a turn; when the client goes away, the turn is stopped."""

    def __init__(self, turns: Turns, turn: Turn, events: AsyncIterator[str]) -> None:
        super().__init__(events, 200, _HEADERS, "text/event-stream")
        self._turns = turns
        self._turn = turn

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._turns.stop_soon(self._turn)


async def frames(turn: Turn, chunks: Chunks) -> AsyncIterator[str]:
    """The events of a turn; a failure in the middle is an event too, and the last."""
    for chunk in chunks.opening():
        yield frame(chunk)
    async for event in turn.events():
        if isinstance(event, Failure):
            yield frame(json.dumps(as_api_error(event.error).body))
            return
        yield frame(chunks.end(event) if isinstance(event, End) else chunks.piece(event))
    for chunk in chunks.closing():
        yield frame(chunk)
    yield frame(DONE)


def frame(data: str) -> str:
    """One event."""
    return f"data: {data}\n\n"
