"""A chat completion request as a turn request."""

from typing import Any

from server.chat.request import Listing, Parent, TurnRequest, message
from server.generators.generator import Sampling
from server.http import sites
from server.http.auth import Caller
from server.http.errors import ApiError
from server.openai.moderation import minimum_actions
from server.openai.sampling import sampling
from server.openai.tool_calls import require_tools
from server.schemas.openai.chat import (
    AssistantMessage,
    ChatCompletionRequest,
    InputMessage,
    ToolMessage,
)
from server.services import Services
from tutelage.errors import Invalid
from tutelage.tables import CompletionKind


def turn_request(
    services: Services,
    caller: Caller,
    body: ChatCompletionRequest,
    policy_id: str | None,
    training: bool,
) -> TurnRequest:
    """A turn of the policy named. Raises ApiError 400 for parameters that contradict each other."""
    _require_consistent(services, body)
    longest = services.settings.max_response_tokens
    sites.require_small(caller, body.n or 1, body.token_limit, longest)
    return TurnRequest(
        caller=caller,
        messages=[_message(each) for each in body.messages],
        samplings=[_sampling(services, body, choice) for choice in range(body.n or 1)],
        conversation_id=body.conversation_id,
        parent_id=body.parent_id if "parent_id" in body.model_fields_set else Parent.NEWEST,
        continued=_continued(body),
        training=training,
        listing=Listing(CompletionKind.CHAT, body.metadata or {}, {}) if body.store else None,
        moderation=minimum_actions(body.moderation),
        policy_id=policy_id,
    )


def _require_consistent(services: Services, body: ChatCompletionRequest) -> None:
    only_with = {  # a parameter -> whether what it needs is there
        "stream_options": ("stream", bool(body.stream)),
        "top_logprobs": ("logprobs", bool(body.logprobs)),
        "metadata": ("store", bool(body.store)),
        "parallel_tool_calls": ("tools", bool(body.tools)),
    }
    for name, (needed, there) in only_with.items():
        if not there and getattr(body, name) not in (None, 0, {}):
            problem = f"'{name}' is only allowed with '{needed}'."
            raise ApiError(400, problem, param=name, code=None)
    if body.max_tokens and body.max_completion_tokens:
        problem = "'max_tokens' and 'max_completion_tokens' exclude each other."
        raise ApiError(400, problem, param="max_tokens", code="invalid_parameter_combination")
    if _continued(body) and (body.response_format and body.response_format.constraint):
        problem = "A response that follows a schema cannot continue a message."
        combination = "invalid_parameter_combination"
        raise ApiError(400, problem, param="response_format", code=combination)
    if body.moderation and services.classifier is None:
        raise Invalid("Moderation is disabled (TUTELAGE_MODERATION=off).", "moderation")
    require_tools(body.tools, body.tool_choice)


def _continued(body: ChatCompletionRequest) -> bool:
    """Whether the response continues the last message, which is then an assistant's.

    Raises ApiError 400 for flags that contradict each other, or ask for what no template does.
    """
    begins, continues = body.add_generation_prompt, body.continue_final_message
    if begins and continues:
        problem = "'continue_final_message' and 'add_generation_prompt' exclude each other."
        code = "invalid_parameter_combination"
        raise ApiError(400, problem, param="continue_final_message", code=code)
    if begins is False and continues is False:
        problem = "Without 'continue_final_message', 'add_generation_prompt' must be true."
        raise ApiError(
            400, problem, param="add_generation_prompt", code="invalid_parameter_combination"
        )
    written = bool(body.messages) and body.messages[-1].role == "assistant"
    return bool(continues) or begins is False or (written and begins is None and continues is None)


def _message(given: InputMessage) -> dict[str, Any]:
    if isinstance(given, ToolMessage):
        return message("tool", given.text, tool_call_id=given.tool_call_id)
    if isinstance(given, AssistantMessage):
        calls = [each.model_dump() for each in given.tool_calls or ()]
        return message("assistant", given.text, tool_calls=calls)
    return message("system" if given.role == "developer" else given.role, given.text)


def _sampling(services: Services, body: ChatCompletionRequest, choice: int) -> Sampling:
    return sampling(
        services.settings,
        body,
        choice,
        max_tokens=body.token_limit or services.settings.max_response_tokens,
        schema=body.response_format.constraint if body.response_format else None,
        top_logprobs=body.top_logprobs or 0,
        tools=body.tool_options,
    )
