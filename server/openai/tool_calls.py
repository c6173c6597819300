"""Tools in OpenAI's format."""

from collections.abc import Sequence

from server.generators.generator import ToolCall
from server.schemas.openai.tools import CalledFunction, CalledTool
from tutelage.errors import Invalid


def called_tool(call: ToolCall) -> CalledTool:
    """A policy's tool call."""
    return CalledTool(id=call.id, function=CalledFunction(name=call.name, arguments=call.arguments))


def require_tools(tools: Sequence[object] | None, choice: object) -> None:
    """Raises Invalid for a choice among no tools."""
    if not tools and choice not in (None, "none", "auto"):
        raise Invalid("tool_choice requires tools.", "tool_choice")
