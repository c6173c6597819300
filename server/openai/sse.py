"""Server-sent events: how a turn reaches the client while it is written."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from server.chat.request import TurnRequest
from server.chat.turn import Turn
from server.chat.turn_service import TurnService
from server.http.errors import ApiError, as_api_error

DONE = "[DONE]"
PING = ": ping\n\n"  # a comment, which clients ignore
PING_SECONDS = 3.0
PATIENCE = 1.0  # seconds for which a refusal is an HTTP status; then the headers go out
_HEADERS = {"cache-control": "no-cache, no-transform", "x-accel-buffering": "no"}

Frames = Callable[[Turn], AsyncIterator[str]]

logger = logging.getLogger(__name__)


def event_stream(description: str, schema: str) -> dict[str, Any]:
    """How OpenAPI describes a response that may be server-sent events of a schema."""
    event = {
        "type": "object",
        "required": ["data"],
        "properties": {"data": {"type": "string", "description": "JSON, or `[DONE]`."}},
        "description": f"Events; `data` holds a {schema}.",
    }
    return {"description": description, "content": {"text/event-stream": {"schema": event}}}


def error_frame(error: ApiError) -> str:
    """An error as the last event of a stream."""
    return frame(json.dumps(error.body))


async def streamed(
    turns: TurnService,
    request: TurnRequest,
    frames: Frames,
    refused: Callable[[ApiError], str] = error_frame,
) -> "EventStream":
    """Starts a turn; the stream of its events.

    Raises what refuses the turn. A refusal that takes longer than PATIENCE, such as that of a
    policy that is loaded first, is an event instead, which ``refused`` writes.
    """
    beginning = asyncio.create_task(turns.begin(request))
    try:
        await asyncio.wait({beginning}, timeout=PATIENCE)
    except asyncio.CancelledError:
        beginning.cancel()
        raise
    if beginning.done():
        beginning.result()
    return EventStream(turns, beginning, frames, refused, request.survives)


def watched(frames: AsyncIterator[str]) -> StreamingResponse:
    """The frames as they come, with pings between them."""
    return StreamingResponse(with_pings(frames, PING_SECONDS), 200, _HEADERS, "text/event-stream")


class EventStream(StreamingResponse):
    """Streams a turn that has begun or is beginning.

    It is stopped when an API client disconnects; one of the web UI goes on.
    """

    def __init__(
        self,
        turns: TurnService,
        beginning: asyncio.Task[Turn],
        frames: Frames,
        refused: Callable[[ApiError], str],
        survives: bool,
    ) -> None:
        coming = _frames(beginning, frames, refused)
        late = not beginning.done()
        pinged = with_pings(coming, PING_SECONDS, late)
        super().__init__(pinged, 200, _HEADERS, "text/event-stream")
        self._turns = turns
        self._beginning = beginning
        self._survives = survives

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            if not self._survives:
                self._beginning.cancel()
                self._beginning.add_done_callback(self._stop)

    def _stop(self, beginning: asyncio.Task[Turn]) -> None:
        if not beginning.cancelled() and beginning.exception() is None:
            self._turns.abandon(beginning.result())


async def _frames(
    beginning: asyncio.Task[Turn], frames: Frames, refused: Callable[[ApiError], str]
) -> AsyncIterator[str]:
    try:
        turn = await beginning
    except Exception as error:
        failure = as_api_error(error)
        if failure.status == 500:
            logger.exception("A turn failed before it began.")
        yield refused(failure)
        return
    async for each in frames(turn):
        yield each


async def with_pings(
    frames: AsyncIterator[str], seconds: float, late: bool = False
) -> AsyncIterator[str]:
    """The frames, with a ping whenever none came for so long: a response waits in the queue.

    Proxies so do not take the connection for dead. ``late``: the first ping comes at once.
    """
    if late:
        yield PING
    outlet = _Outlet(frames, seconds)
    reading, pinging = asyncio.create_task(outlet.read()), asyncio.create_task(outlet.ping())
    try:
        while (each := await outlet.queue.get()) is not None:
            yield each
        await reading
    finally:
        reading.cancel()
        pinging.cancel()


class _Outlet:
    """Frames and pings on their way out. Two tasks per stream cost less than one per frame."""

    def __init__(self, frames: AsyncIterator[str], seconds: float) -> None:
        self.queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._frames = frames
        self._seconds = seconds
        self._clock = asyncio.get_running_loop().time
        self._last = self._clock()  # when something was put

    async def read(self) -> None:
        """Put every frame, then None."""
        try:
            async for each in self._frames:
                self._put(each)
        finally:
            self._put(None)

    async def ping(self) -> None:
        """Put a ping whenever nothing was put for so long."""
        while True:
            await asyncio.sleep(self._last + self._seconds - self._clock())
            if self._clock() >= self._last + self._seconds:
                self._put(PING)

    def _put(self, item: str | None) -> None:
        self._last = self._clock()
        self.queue.put_nowait(item)


def frame(data: str, event: str = "") -> str:
    """One event, of that type where it has one."""
    named = f"event: {event}\n" if event else ""
    return f"{named}data: {data}\n\n"
