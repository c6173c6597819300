"""What is wrong with a request, in OpenAI's words: pydantic's errors as a code and a parameter.

One table gives each of pydantic's error types its code. The parameter is written as OpenAI does,
with brackets: ``messages[0].content[0].type``.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from server.http.errors import ApiError

Complaint = Mapping[str, Any]  # one of pydantic's errors
Path = tuple[str | int, ...]

UNCODED = "uncoded"  # the type of errors for which OpenAI sends no code
INVALID_TYPE = "invalid_type"
OTHERWISE = "invalid_value"

_CODES: dict[str, str | None] = {
    "missing": "missing_required_parameter",
    "union_tag_not_found": "missing_required_parameter",
    "extra_forbidden": "unknown_parameter",
    "unsupported_parameter": "unsupported_parameter",
    "unsupported_value": "unsupported_value",
    "json_invalid": None,
    UNCODED: None,
}
_NUMBERS = {  # by whether the parameter is an integer
    "greater_than": ("decimal_below_min_value", "integer_below_min_value"),
    "greater_than_equal": ("decimal_below_min_value", "integer_below_min_value"),
    "less_than": ("decimal_above_max_value", "integer_above_max_value"),
    "less_than_equal": ("decimal_above_max_value", "integer_above_max_value"),
}
_SIZES: dict[str, dict[type, str]] = {  # by the kind of value
    "long": {
        str: "string_above_max_length",
        list: "array_above_max_length",
        dict: "object_above_max_properties",
    },
    "short": {
        str: "string_below_min_length",
        list: "array_below_min_length",
        dict: "object_below_min_properties",
    },
}
_TYPES = ("_type", "_parsing")  # endings of the error types for a wrong JSON type
_CHOICES = ("literal_error", "union_tag_invalid", "enum")  # the choices are strings
_TAGS = ("union_tag_not_found", "union_tag_invalid")
_KEY = "[key]"  # pydantic's last step to the name of a property


def handle_invalid(app: FastAPI) -> None:
    """Answer requests that do not fit their schema in OpenAI's format."""
    app.add_exception_handler(RequestValidationError, _invalid)


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return from_validation(error).response()


def from_validation(error: RequestValidationError) -> ApiError:
    """The error that tells the most of what the client intended.

    Where a value may have several forms, pydantic reports one error per form. The one that reaches
    deepest into the body belongs to the form that was meant; of two, the one whose type is right.
    A wrong ``type`` explains what is missing beside it.
    """
    located = [(_path(each, error.body), each) for each in error.errors()]
    path, chosen = max(located, key=_telling)
    param = _written(path) or None
    return ApiError(400, _sentence(chosen, param, error.body), param=param, code=_code(chosen))


def _telling(located: tuple[Path, Complaint]) -> tuple[int, bool, bool]:
    """How much an error tells, to compare it with others."""
    path, complaint = located
    return len(path), _code(complaint) != INVALID_TYPE, path[-1:] == ("type",)


def _code(complaint: Complaint) -> str | None:
    kind, context = complaint["type"], complaint.get("ctx", {})
    if kind in _NUMBERS:
        bound = next(iter(context.values()))
        return _NUMBERS[kind][isinstance(bound, int)]
    if kind.endswith(("too_long", "too_short")):
        if complaint["loc"][-1] == _KEY:
            return "property_name_above_max_length"
        return _SIZES[kind.rpartition("_")[2]][type(complaint["input"])]
    if kind.endswith(_TYPES) or (kind in _CHOICES and not isinstance(_choice(complaint), str)):
        return INVALID_TYPE
    return _CODES.get(kind, OTHERWISE)


def _choice(complaint: Complaint) -> Any:
    """What a client sent where it had to choose one of several strings."""
    if complaint["type"] == "union_tag_invalid":
        return complaint["input"].get(_tag(complaint))
    return complaint["input"]


def _tag(complaint: Complaint) -> str:
    """The field that decides between the forms of an object."""
    return str(complaint["ctx"]["discriminator"]).strip("'")


def _sentence(complaint: Complaint, param: str | None, body: Any) -> str:
    kind, message = complaint["type"], complaint["msg"]
    if kind == "json_invalid":
        return f"Invalid JSON: {complaint['ctx']['error']} at {complaint['loc'][-1]}."
    if isinstance(body, bytes) and complaint["loc"][0] == "body":
        return "The body is not JSON: send it with `Content-Type: application/json`."
    if kind == "extra_forbidden":
        return f"Unknown parameter: '{param}'."
    if _CODES.get(kind) == "missing_required_parameter":
        return f"Missing required parameter: '{param}'." if param else "A JSON body is required."
    return f"Invalid '{param}': {message}." if param else f"Invalid request: {message}."


def _written(path: Path) -> str:
    parts = [f"[{each}]" if isinstance(each, int) else f".{each}" for each in path]
    return "".join(parts).removeprefix(".")


def _path(complaint: Complaint, body: Any) -> Path:
    """The part of an error's location that leads into the request, without names of types."""
    place, *location = complaint["loc"]
    if place != "body":
        return tuple(location)
    kind, wrong = complaint["type"], complaint.get("input")
    if kind == "json_invalid":
        return ()
    if kind == "missing":
        return (*_leading_to(wrong, body, location[:-1]), location[-1]) if location else ()
    if kind in _TAGS:
        return (*_leading_to(wrong, body, location), _tag(complaint))
    if location and location[-1] == _KEY:
        return _leading_to(None, body, location[:-2])
    return _leading_to(wrong, body, location)


def _leading_to(wrong: Any, body: Any, location: Sequence[str | int]) -> Path:
    """The path to the value that is wrong; else the longest: a type may have a field's name."""
    paths = list(_paths(body, location))
    exact = [path for path, value in paths if value is wrong]
    return max(exact or [path for path, _ in paths], key=len)


def _paths(value: Any, location: Sequence[str | int]) -> Iterator[tuple[Path, Any]]:
    """Every way to read a location, each of whose steps enters a value or names a type."""
    if not location:
        yield (), value
        return
    step, *rest = location
    if _enters(value, step):
        for path, end in _paths(value[step], rest):
            yield (step, *path), end
    yield from _paths(value, rest)


def _enters(value: Any, step: str | int) -> bool:
    if isinstance(value, list):
        return isinstance(step, int) and step < len(value)
    return isinstance(value, dict) and step in value
