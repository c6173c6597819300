"""Tools in OpenAI's format."""

from collections.abc import Sequence

from server.generators.generator import ToolCall
from server.http.errors import ApiError
from server.schemas.openai.tools import CalledFunction, CalledTool


def called_tool(call: ToolCall) -> CalledTool:
    """A policy's tool call."""
    return CalledTool(id=call.id, function=CalledFunction(name=call.name, arguments=call.arguments))


def require_tools(tools: Sequence[object] | None, choice: object) -> None:
    """Raises ApiError 400 for a choice among no tools."""
    if not tools and choice not in (None, "none", "auto"):
        problem = "'tool_choice' is only allowed with 'tools'."
        raise ApiError(400, problem, param="tool_choice", code=None)
