"""How this process follows the store: look again and again, until cancelled."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

logger = logging.getLogger(__name__)

Refresh = Callable[[], Awaitable[None]]
Succeeded = Callable[[str], None]  # takes the follower's name


async def follow(what: str, every: float, refresh: Refresh, succeeded: Succeeded) -> None:
    """Call ``refresh`` every so many seconds; an error is logged, and the next call tries again."""
    while True:
        await attempt(what, refresh, succeeded)
        await asyncio.sleep(every)


async def attempt(what: str, refresh: Refresh, succeeded: Succeeded) -> None:
    """Call ``refresh`` once; an error is logged."""
    try:
        await refresh()
    except Exception:
        logger.exception("Refreshing the %s failed.", what)
    else:
        succeeded(what)
