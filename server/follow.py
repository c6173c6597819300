"""How this process follows the store: look again and again, until cancelled."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

logger = logging.getLogger(__name__)


async def follow(what: str, every: float, refresh: Callable[[], Awaitable[None]]) -> None:
    """Call ``refresh`` every so many seconds; an error is logged, and the next call tries again."""
    while True:
        try:
            await refresh()
        except Exception:
            logger.exception("Refreshing %s failed; next attempt in %s s.", what, every)
        await asyncio.sleep(every)
