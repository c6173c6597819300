"""Rate limits: requests and tokens per minute for each key, session or address."""

import time
from typing import NoReturn, cast

from limits import RateLimitItemPerMinute, WindowStats
from limits.errors import ConfigurationError
from limits.storage import Storage, storage_from_string
from limits.strategies import MovingWindowRateLimiter, SlidingWindowCounterRateLimiter

from server.http.errors import ApiError
from tutelage import extras
from tutelage.errors import Invalid
from tutelage.settings import Settings


def open_storage(url: str) -> Storage:
    """Where limits are counted: in this process, or in a Redis or Valkey that replicas share.

    Raises Invalid for a URL that is not one, Unavailable where the extra is missing.
    """
    if url.startswith("redis"):
        extras.require("redis")
    try:
        storage = storage_from_string(url, wrap_exceptions=True)
    except (ConfigurationError, ValueError) as error:
        raise Invalid(f"TUTELAGE_LIMITS_URL is wrong: {error}") from error
    return cast(Storage, storage)


class RateLimits:
    """Requests and tokens per minute, counted in ``storage``; the most of each is a setting.

    Tokens of a response are counted when it has ended; a caller without tokens left starts no
    further turn, but concurrent turns may exceed the limit once.
    """

    def __init__(self, storage: Storage, settings: Settings) -> None:
        """Without a limit of requests there are no limits at all."""
        self._settings = settings
        self._each = MovingWindowRateLimiter(storage)
        self._sums = SlidingWindowCounterRateLimiter(storage)  # notes no single token

    @property
    def _tokens(self) -> RateLimitItemPerMinute | None:
        most = self._settings.token_limit if self._settings.rate_limit else 0
        return RateLimitItemPerMinute(most, namespace="tokens") if most else None

    def take(self, who: str, most: int | None = None) -> dict[str, str]:
        """Count one request of ``who``; returns the rate-limit headers. ``most`` a minute: those of
        the settings unless given; 0: no limit.

        Raises ApiError 429 above the limit.
        """
        most = self._settings.rate_limit if most is None else most
        if not most:
            return {}
        limit = RateLimitItemPerMinute(most, namespace="requests")
        allowed = self._each.hit(limit, who)
        stats = self._each.get_window_stats(limit, who)
        headers = _headers("requests", most, stats)
        if not allowed:
            _refuse("requests", most, stats, headers)
        return headers

    def require_tokens(self, who: str) -> dict[str, str]:
        """The rate-limit headers for tokens. Raises ApiError 429 when ``who`` has none left."""
        limit = self._tokens
        if limit is None:
            return {}
        stats = self._sums.get_window_stats(limit, who)
        headers = _headers("tokens", limit.amount, stats)
        if not stats.remaining:
            _refuse("tokens", limit.amount, stats, headers)
        return headers

    def use_tokens(self, who: str, tokens: int) -> None:
        """Count the tokens of a prompt and its responses."""
        limit = self._tokens
        if limit is not None:
            remaining = self._sums.get_window_stats(limit, who).remaining
            self._sums.hit(limit, who, cost=min(tokens, remaining))


def _headers(what: str, most: int, stats: WindowStats) -> dict[str, str]:
    return {
        f"x-ratelimit-limit-{what}": str(most),
        f"x-ratelimit-remaining-{what}": str(stats.remaining),
        f"x-ratelimit-reset-{what}": f"{_wait(stats)}s",
    }


def _refuse(what: str, most: int, stats: WindowStats, headers: dict[str, str]) -> NoReturn:
    wait = _wait(stats)
    raise ApiError(
        429,
        f"Rate limit of {most} {what} per minute exceeded. Try again in {wait} s.",
        "rate_limit_error",
        code="rate_limit_exceeded",
        headers={**headers, "retry-after": str(wait)},
    )


def _wait(stats: WindowStats) -> int:
    """Seconds until the limit resets, at least one."""
    return max(1, round(stats.reset_time - time.time() + 0.5))
