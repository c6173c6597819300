"""Cross-origin requests: which pages of other sites may call the API, always without cookies."""

from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_LIMITS = [f"x-ratelimit-{part}-{of}" for of in ("requests", "tokens")
           for part in ("limit", "remaining", "reset")]  # fmt: skip
EXPOSED = ("x-request-id", "retry-after", *_LIMITS)


class CrossOrigin(CORSMiddleware):
    """The outermost layer, so that errors and streams carry the headers too.

    Which origins are allowed is asked with each request. Other origins get no CORS header, and a
    browser refuses their pages the response.
    """

    def __init__(self, app: ASGIApp, allowed: Callable[[str], bool]) -> None:
        super().__init__(app, allow_methods=METHODS, allow_headers=["*"], expose_headers=EXPOSED)
        self._allowed = allowed

    def is_allowed_origin(self, origin: str) -> bool:
        """Whether pages of this origin may call."""
        return self._allowed(origin)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a preflight request, add the headers to a response, or stay out of the way."""
        origin = Headers(scope=scope).get("origin") if scope["type"] == "http" else None
        if origin and self._allowed(origin):
            await super().__call__(scope, receive, send)
        else:
            await self.app(scope, receive, send)
