"""Tools: what a request offers, what an answer calls. Our service runs none; it passes them on."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from server.schemas.text import Body, Name, Text

FunctionName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
ToolKind = Literal["function"]
MAX_TOOLS = 128  # of a request, as with OpenAI


class Function(Body):
    """A function that the policy may have called."""

    name: FunctionName
    description: Text | None = None
    parameters: dict[str, Any] | None = Field(None, description="A JSON Schema.")
    strict: bool | None = None


class Tool(Body):
    """A tool on offer."""

    type: ToolKind
    function: Function


class FunctionChoice(Body):
    """The name of one function."""

    name: FunctionName


class NamedTool(Body):
    """The tool that has to be called."""

    type: ToolKind
    function: FunctionChoice


class CalledFunction(Body):
    """A function with its arguments."""

    name: Name
    arguments: Text = Field(description="JSON, as the policy wrote it: check it before use.")


class CalledTool(Body):
    """A call that an answer makes."""

    id: Name
    type: ToolKind = "function"
    function: CalledFunction


class CalledToolDelta(BaseModel):
    """A call in a stream. It comes whole, since its arguments are moderated first."""

    index: int
    id: str
    type: ToolKind = "function"
    function: CalledFunction
