"""Rate limits: so many requests a minute for each key, session or address."""

import time

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from server.errors import ApiError


class Limits:
    """Counts in memory: each server process allows the full rate by itself."""

    def __init__(self, per_minute: int) -> None:
        self._item = RateLimitItemPerMinute(per_minute) if per_minute else None
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def take(self, who: str) -> dict[str, str]:
        """Count one request of ``who``; returns the headers that tell them where they stand.

        Raises ApiError 429 when they have used up their minute.
        """
        if self._item is None:
            return {}
        allowed = self._limiter.hit(self._item, who)
        stats = self._limiter.get_window_stats(self._item, who)
        wait = max(1, round(stats.reset_time - time.time() + 0.5))
        headers = {
            "x-ratelimit-limit-requests": str(self._item.amount),
            "x-ratelimit-remaining-requests": str(stats.remaining),
            "x-ratelimit-reset-requests": f"{wait}s",
        }
        if not allowed:
            raise ApiError(
                429,
                f"More than {self._item.amount} requests in a minute. Try again in {wait} s.",
                "rate_limit_error",
                code="rate_limit_exceeded",
                headers={**headers, "retry-after": str(wait)},
            )
        return headers
