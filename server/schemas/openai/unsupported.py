"""What OpenAI's responses API has and this service does not: refused by name, not as unknown."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from server.schemas.text import Body, only, unsupported

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
ItemKind = Annotated[
    Literal[
        "message",
        "item_reference",
        "reasoning",
        "file_search_call",
        "web_search_call",
        "computer_call",
        "computer_call_output",
        "image_generation_call",
        "code_interpreter_call",
        "local_shell_call",
        "local_shell_call_output",
        "mcp_list_tools",
        "mcp_call",
        "custom_tool_call",
        "custom_tool_call_output",
    ],
    only("message"),
]
ResponseToolKind = Annotated[
    Literal[
        "function",
        "custom",
        "file_search",
        "web_search",
        "web_search_preview",
        "computer",
        "code_interpreter",
        "image_generation",
        "local_shell",
        "mcp",
        "shell",
        "apply_patch",
    ],
    only("function"),
]
Includable = Literal[
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
    "reasoning.encrypted_content",
    "message.output_text.logprobs",
]
Include = Annotated[list[Includable] | None, AfterValidator(unsupported)]


class ReasoningOptions(Body):
    """Only the absence of reasoning."""

    effort: Effort | None = None
    summary: Literal["auto", "concise", "detailed"] | None = None
    generate_summary: Literal["auto", "concise", "detailed"] | None = None


def _no_reasoning(options: ReasoningOptions | None) -> ReasoningOptions | None:
    asked = options.model_dump(exclude_none=True) if options else {}
    unsupported({name: each for name, each in asked.items() if each != "none"})
    return options


Reasoning = Annotated[ReasoningOptions | None, AfterValidator(_no_reasoning)]


def moved(name: str) -> AfterValidator:
    """A validator for parameters of chat completions that have another name here."""

    def check(value: Any) -> Any:
        if value is not None:
            problem = "This parameter has moved to '{name}'"
            raise PydanticCustomError("unsupported_parameter", problem, {"name": name})
        return value

    return AfterValidator(check)
