"""Deployment settings, as operators see and save them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from server.schemas.text import Body, Text

Source = Literal["default", "environment", "file", "command line", "saved"]
SettingValue = bool | int | float | Annotated[Text, Field(max_length=50_000)]


class SettingItem(BaseModel):
    """An active setting; secrets are not shown."""

    name: str
    value: Any
    default: Any
    source: Source = Field(description="`saved`: by an operator, on the page, API or command line.")
    about: str
    editable: bool = Field(description="Whether operators may save it; else it is set at start.")
    locked: bool = Field(description="Whether the environment or command line decides.")
    live: bool = Field(description="Whether a saved value needs no restart.")
    saved: Any = Field(description="What operators saved, in force or not; null = nothing.")
    pending: bool = Field(description="Whether a restart would change the value.")
    kind: Literal["switch", "number", "choice", "text"]
    minimum: float | None = None
    maximum: float | None = None
    choices: list[str] = []


class SettingChange(Body):
    """A value to save."""

    value: SettingValue
