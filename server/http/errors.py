"""Errors in OpenAI's format: a status, a type, a code and the field at fault."""

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from limits.errors import StorageError
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm.exc import ObjectDeletedError, StaleDataError
from starlette.exceptions import HTTPException

from server.generators.generator import ContextTooLong, Overloaded
from server.schemas.errors import Error, ErrorDetail
from tutelage import disk
from tutelage.errors import (
    Conflict,
    Forbidden,
    Invalid,
    LimitReached,
    NotFound,
    TutelageError,
    Unavailable,
)
from tutelage.people.quota import QuotaExceeded

logger = logging.getLogger(__name__)

BAD_REQUEST = "invalid_request_error"
INTERNAL = "Internal server error. Quote the x-request-id header when you report it."
NO_DATABASE = (
    "The database is unavailable; this request was not stored. Try again later. "
    "(Operator: check disk space and the database log.)"
)
NO_SPACE = (
    "The disk of the service is full; this request was not stored. Try again later. "
    "(Operator: free some disk space.)"
)
NO_LIMITS = "The service cannot count requests at the moment. Try again in a few seconds."


class ApiError(Exception):
    """An error with everything that its HTTP response needs."""

    def __init__(
        self,
        status: int,
        message: str,
        type: str = BAD_REQUEST,
        param: str | None = None,
        code: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.detail = ErrorDetail(message=message, type=type, param=param, code=code)
        self.headers = headers or {}

    @property
    def body(self) -> dict[str, Any]:
        """The JSON body."""
        return Error(error=self.detail).model_dump()

    def response(self) -> JSONResponse:
        """The HTTP response."""
        return JSONResponse(self.body, self.status, self.headers)


# The most special class comes first: (class, status, type, code).
_KINDS: tuple[tuple[type[TutelageError], int, str, str], ...] = (
    (ContextTooLong, 400, BAD_REQUEST, "context_length_exceeded"),
    (Invalid, 400, BAD_REQUEST, "invalid_value"),
    (NotFound, 404, BAD_REQUEST, "not_found"),
    (Forbidden, 403, "permission_error", "forbidden"),
    (LimitReached, 429, "rate_limit_error", "rate_limit_exceeded"),
    (QuotaExceeded, 429, "insufficient_quota", "insufficient_quota"),
    (Conflict, 409, "conflict_error", "conflict"),
    (Overloaded, 503, "overloaded_error", "overloaded"),
    (Unavailable, 503, "server_error", "unavailable"),
)
_HTTP_CODES = {
    404: "unknown_url",
    405: "method_not_supported",
    413: "body_too_large",
}


_DATABASE = (OperationalError, InterfaceError, PoolTimeout)
_GONE = (ObjectDeletedError, StaleDataError)  # a row that went between two looks at it


def as_api_error(error: Exception) -> ApiError:
    """Any exception as an ApiError; an unexpected one reveals no internal details."""
    if isinstance(error, ApiError):
        return error
    for kind, status, type_, code in _KINDS:
        if isinstance(error, kind):
            headers = {"retry-after": "2"} if status == 503 else {}
            if isinstance(error, QuotaExceeded):
                headers = {"retry-after": str(error.wait)}
            return ApiError(status, error.message, type_, error.field, code, headers)
    if isinstance(error, HTTPException):
        named, given = _HTTP_CODES.get(error.status_code), dict(error.headers or {})
        return ApiError(error.status_code, str(error.detail), code=named, headers=given)
    if isinstance(error, (OSError, OperationalError)) and disk.is_full(error):
        logger.error("The disk is full: %s", getattr(error, "orig", error))
        return ApiError(507, NO_SPACE, "server_error", None, "disk_full", {"retry-after": "60"})
    if isinstance(error, _DATABASE):
        logger.error("The database failed: %s", getattr(error, "orig", error))
        retry = {"retry-after": "5"}
        return ApiError(503, NO_DATABASE, "server_error", None, "database_unavailable", retry)
    if isinstance(error, _GONE):
        return ApiError(409, "This was deleted meanwhile.", "conflict_error", None, "conflict")
    if isinstance(error, StorageError):
        logger.error("The storage of limits failed: %s", error)
        retry = {"retry-after": "5"}
        return ApiError(503, NO_LIMITS, "server_error", None, "limits_unavailable", retry)
    return ApiError(500, INTERNAL, "server_error", None, "internal_error")


def handle_errors(app: FastAPI) -> None:
    """Turn every expected error into a response in OpenAI's format."""
    for kind in (ApiError, TutelageError, *_DATABASE, *_GONE, StorageError):
        app.add_exception_handler(kind, _foreseen)
    app.add_exception_handler(HTTPException, _http)


async def _foreseen(_request: Request, error: Exception) -> JSONResponse:
    return as_api_error(error).response()


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    message = {
        400: "The request body is not valid UTF-8 encoded JSON.",
        404: f"Unknown endpoint: {request.method} {request.url.path}",
        405: f"{request.method} is not allowed at {request.url.path}.",
    }.get(error.status_code, error.detail)
    return as_api_error(HTTPException(error.status_code, message, error.headers)).response()
