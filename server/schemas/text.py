"""Texts that can be stored, lists, and the strict base of every request body."""

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError


def storable(text: str) -> str:
    """Refuse NUL, which PostgreSQL cannot store, and lone surrogates, which no UTF-8 has."""
    if "\x00" in text:
        raise PydanticCustomError("invalid_text", "The text contains a NUL character (U+0000)")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            problem = "The text contains half of a surrogate pair, which is no character"
            raise PydanticCustomError("invalid_text", problem) from None
    return text


Text = Annotated[str, AfterValidator(storable)]
Name = Annotated[str, Field(max_length=200), AfterValidator(storable)]
Explanation = Annotated[
    str,
    Field(
        max_length=2000,
        description="Why the policy may answer although it fails cases of accepted reports; it is "
        "asked for where it does.",
    ),
    AfterValidator(storable),
]


def _unsupported(value: Any) -> Any:
    if value not in (None, [], {}, False):
        raise PydanticCustomError("unsupported_parameter", "This parameter is not supported here")
    return value


Unsupported = Annotated[Any, AfterValidator(_unsupported)]


def only(*allowed: Any) -> AfterValidator:
    """A validator for parameters of which we know one behaviour: its default."""

    def check(value: Any) -> Any:
        if value is not None and value not in allowed:
            shown = " or ".join(repr(one) for one in allowed)
            raise PydanticCustomError(
                "unsupported_value", "Only {shown} is supported here", {"shown": shown}
            )
        return value

    return AfterValidator(check)


class Body(BaseModel):
    """A request body: unknown fields and wrong types are errors, never mended in silence."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)


class Shape(BaseModel):
    """A response body."""

    model_config = ConfigDict(from_attributes=True)


def columns(row: object, shape: type[BaseModel]) -> dict[str, Any]:
    """What a shape takes over from a stored row: the columns that bear its fields' names."""
    return {name: getattr(row, name) for name in shape.model_fields if hasattr(row, name)}


Item = TypeVar("Item")


class Page(BaseModel, Generic[Item]):
    """A page of a list. The next one: ``after`` = the last id of this one."""

    model_config = ConfigDict(  # a generic's docstring does not reach the OpenAPI document
        json_schema_extra={"description": "A page of a list. `after` = its last id: the next page."}
    )

    object: Literal["list"] = "list"
    data: list[Item]
    has_more: bool = Field(False, description="Whether there is another page.")


class Listed(BaseModel):
    """What OpenAI's lists have besides their data."""

    object: Literal["list"] = "list"
    first_id: str | None
    last_id: str | None
    has_more: bool


class Deleted(BaseModel):
    """What was deleted."""

    id: str
    deleted: Literal[True] = True
