"""The outermost layer: request ids, security headers, the body limit, metrics, and the handler
of unexpected errors."""

import logging
import secrets
import time
from contextlib import AbstractContextManager, nullcontext

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.http.errors import as_api_error
from server.http.metrics import Metrics
from tutelage import tracing
from tutelage.text.json_logs import ACCESS, request_id

logger = logging.getLogger(__name__)
access = logging.getLogger(ACCESS)

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cross-origin-opener-policy": "same-origin",
}


class Edge:
    """ASGI middleware around everything."""

    def __init__(self, app: ASGIApp, max_body_bytes: int, metrics: Metrics) -> None:
        self.app = app
        self._max_body_bytes = max_body_bytes
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        await _Exchange(scope, receive, send, self._max_body_bytes).run(self.app, self._metrics)


class _Exchange:
    """One request and its response."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, max_body_bytes: int) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._left = max_body_bytes
        self._limit = max_body_bytes
        self._id = f"req_{secrets.token_hex(12)}"
        request_id.set(self._id)
        self._status = 0
        scope.setdefault("state", {})["headers"] = {}

    async def run(self, app: ASGIApp, metrics: Metrics) -> None:
        with self._span():
            await self._measured(app, metrics)

    def _span(self) -> AbstractContextManager[None]:
        """Requests of the API are traced; pages, health checks and metrics are not."""
        if not self._scope["path"].startswith("/v1/"):
            return nullcontext()
        method = self._scope["method"]
        facts = {"http.request.method": method, "tutelage.request_id": self._id}
        return tracing.request_span(method, Headers(scope=self._scope), facts)

    async def _measured(self, app: ASGIApp, metrics: Metrics) -> None:
        began = time.perf_counter()
        try:
            await self._answer(app)
        finally:
            route = getattr(self._scope.get("route"), "path", "unmatched")
            seconds = time.perf_counter() - began
            metrics.request(self._scope["method"], route, self._status, seconds)
            facts = {"method": self._scope["method"], "route": route, "status": self._status}
            access.info("request", extra=facts | {"seconds": round(seconds, 4)})
            answered = {"http.route": route, "http.response.status_code": self._status}
            tracing.describe(answered, f"{self._scope['method']} {route}")

    async def _answer(self, app: ASGIApp) -> None:
        try:
            self._refuse_announced()
            await app(self._scope, self._take, self._give)
        except Exception as error:
            failure = as_api_error(error)
            if failure.status == 500:
                path = self._scope["path"]
                logger.exception("%s %s %s failed", self._id, self._scope["method"], path)
            if self._status:  # the response has begun and can only be aborted
                raise
            await failure.response()(self._scope, self._receive, self._give)

    def _refuse_announced(self) -> None:
        announced = Headers(scope=self._scope).get("content-length", "0")
        if not announced.isascii() or not announced.isdigit() or int(announced) > self._limit:
            raise self._too_large()

    async def _take(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise self._too_large()
        return message

    async def _give(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            for name, value in self._scope["state"]["headers"].items():
                headers[name] = value
            headers["x-request-id"] = self._id
            if trace_id := tracing.trace_id():
                headers["x-trace-id"] = trace_id
        await self._send(message)

    def _too_large(self) -> HTTPException:
        """An HTTPException, which FastAPI does not convert while it reads a body."""
        message = f"Request body too large (limit: {self._limit} bytes)."
        return HTTPException(413, message, {"connection": "close"})
