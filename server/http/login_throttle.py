"""Sign-in throttling: a limited number of failures per login and per address, then a pause."""

import time

from limits import RateLimitItemPerMinute
from limits.storage import Storage
from limits.strategies import MovingWindowRateLimiter

from server.http.errors import ApiError

FAILURES, MINUTES = 8, 10
_ADDRESS_FACTOR = 5  # several people may share an address


class LoginThrottle:
    """Counts failures in ``storage``."""

    def __init__(self, storage: Storage) -> None:
        self._limiter = MovingWindowRateLimiter(storage)
        self._by_name = RateLimitItemPerMinute(FAILURES, MINUTES, namespace="sign-in")
        self._by_address = RateLimitItemPerMinute(
            FAILURES * _ADDRESS_FACTOR, MINUTES, namespace="sign-in"
        )

    def require(self, name: str, address: str) -> None:
        """Raises ApiError 429 while the login or the address has too many recent failures."""
        for item, who in self._counters(name, address):
            if not self._limiter.test(item, who):
                reset = self._limiter.get_window_stats(item, who).reset_time
                wait = max(1, round(reset - time.time() + 0.5))
                raise ApiError(
                    429,
                    f"Too many failed sign-ins. Try again in {(wait + 59) // 60} min.",
                    "rate_limit_error",
                    code="too_many_attempts",
                    headers={"retry-after": str(wait)},
                )

    def failed(self, name: str, address: str) -> None:
        """Count one failure."""
        for item, who in self._counters(name, address):
            self._limiter.hit(item, who)

    def _counters(self, name: str, address: str) -> list[tuple[RateLimitItemPerMinute, str]]:
        return [(self._by_name, f"name:{name.strip().casefold()}"), (self._by_address, address)]
