"""Text types, lists, and the strict base class of every request body."""

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError


def storable(text: str) -> str:
    """Rejects NUL, which PostgreSQL cannot store, and lone surrogates, which UTF-8 forbids."""
    if "\x00" in text:
        raise PydanticCustomError("invalid_text", "The text contains a NUL character (U+0000)")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            problem = "The text contains an unpaired surrogate, which is not a valid character"
            raise PydanticCustomError("invalid_text", problem) from None
    return text


Text = Annotated[str, AfterValidator(storable)]
Name = Annotated[str, Field(max_length=200), AfterValidator(storable)]
Explanation = Annotated[
    str,
    Field(
        max_length=2000,
        description="Why the policy is deployed although it fails cases of accepted reports; "
        "required where it does.",
    ),
    AfterValidator(storable),
]


def unsupported(value: Any) -> Any:
    """A validator that accepts what asks for nothing."""
    if value not in (None, [], {}, False):
        raise PydanticCustomError("unsupported_parameter", "This parameter is not supported")
    return value


Unsupported = Annotated[Any, AfterValidator(unsupported)]


def only(*allowed: Any, kind: str = "unsupported_value") -> AfterValidator:
    """A validator for parameters of which only the default behaviour is supported.

    ``kind`` is the code of the error for another value.
    """

    def check(value: Any) -> Any:
        if value is not None and value not in allowed:
            shown = " or ".join(repr(one) for one in allowed)
            raise PydanticCustomError(kind, "Only {shown} is supported", {"shown": shown})
        return value

    return AfterValidator(check)


class Body(BaseModel):
    """A request body: unknown fields and wrong types are errors and are not coerced."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)


class Shape(BaseModel):
    """A response body."""

    model_config = ConfigDict(from_attributes=True)


def columns(row: object, shape: type[BaseModel]) -> dict[str, Any]:
    """The columns of a stored row that have the names of a schema's fields."""
    return {name: getattr(row, name) for name in shape.model_fields if hasattr(row, name)}


Item = TypeVar("Item")


class Page(BaseModel, Generic[Item]):
    """A page of a list. For the next page, set ``after`` to its last id."""

    model_config = ConfigDict(  # a generic's docstring does not reach the OpenAPI document
        json_schema_extra={
            "description": "A page of a list. For the next page, set `after` to its last id."
        }
    )

    object: Literal["list"] = "list"
    data: list[Item]
    has_more: bool = Field(False, description="Whether there is another page.")


class Listed(BaseModel):
    """The fields of OpenAI's lists besides their data."""

    object: Literal["list"] = "list"
    first_id: str | None
    last_id: str | None
    has_more: bool


class Deleted(BaseModel):
    """The id of what was deleted."""

    id: str
    deleted: Literal[True] = True
