"""Watches a turn of the web UI: after a reload, in another tab, on another device, or by another
process than the one that writes it."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from fastapi.concurrency import run_in_threadpool

from server.chat.turn import Turn
from tutelage.chat import running_turns
from tutelage.chat.running_turns import Responses
from tutelage.errors import Invalid, NotFound
from tutelage.store import Store

POLL_SECONDS = 0.5  # while another process writes it
_POSITION = re.compile(r"\d{1,9}(,\d{1,9})*", re.ASCII)


@dataclass(frozen=True)
class WatchedTurn:
    """How far a turn is."""

    responses: Responses
    ended: bool = False


def look(store: Store, turn_id: str, conversation_id: str) -> WatchedTurn:
    """How far a turn is by the store. Raises NotFound for a turn that left nothing there."""
    with store.read() as session:
        if row := running_turns.owned(session, turn_id, conversation_id):
            return WatchedTurn(row.responses)
        messages = running_turns.stored(session, turn_id, conversation_id)
    if not messages:
        raise NotFound(f"Turn {turn_id!r} not found in this conversation.", "turn_id")
    ended = [
        {"id": each.id, "text": each.content, "finish_reason": each.finish_reason}
        for each in messages
    ]
    return WatchedTurn(ended, ended=True)


async def watch(
    store: Store, turn: Turn | None, turn_id: str, conversation_id: str
) -> AsyncIterator[WatchedTurn]:
    """How far the turn is, again and again until it has ended; ``turn``: it is written here."""
    while turn:
        news, ended = turn.news, turn.over.is_set()
        yield WatchedTurn(turn.written, ended)
        if ended:
            return
        await news.wait()
    while True:
        found = await run_in_threadpool(look, store, turn_id, conversation_id)
        yield found
        if found.ended:
            return
        await asyncio.sleep(POLL_SECONDS)


def position(after: str) -> list[int]:
    """The characters of each response that the client has: ``12,0``."""
    if not after:
        return []
    if not _POSITION.fullmatch(after):
        raise Invalid("after must be the `after` of an event.", "after")
    return [int(each) for each in after.split(",")]
