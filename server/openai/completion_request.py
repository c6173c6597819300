"""A chat completion request as a turn request."""

from typing import Any

from server.chat.request import Listing, Parent, TurnRequest, message
from server.generators.generator import Sampling
from server.http.auth import Caller
from server.openai.models import named_policy
from server.openai.moderation import minimum_actions
from server.openai.sampling import chosen
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
    services: Services, caller: Caller, body: ChatCompletionRequest, training: bool
) -> TurnRequest:
    """Raises Invalid for fields that contradict each other, ApiError 404 for an unknown model."""
    _require_consistent(services, body)
    return TurnRequest(
        caller=caller,
        messages=[_message(each) for each in body.messages],
        samplings=[_sampling(services, body, choice) for choice in range(body.n or 1)],
        conversation_id=body.conversation_id,
        parent_id=body.parent_id if "parent_id" in body.model_fields_set else Parent.NEWEST,
        training=training,
        listing=Listing(CompletionKind.CHAT, body.metadata or {}, {}) if body.store else None,
        moderation=minimum_actions(body.moderation),
        policy_id=named_policy(services, caller, body.model),
    )


def _require_consistent(services: Services, body: ChatCompletionRequest) -> None:
    if body.stream_options and not body.stream:
        raise Invalid("stream_options requires stream=true.", "stream_options")
    if body.top_logprobs and not body.logprobs:
        raise Invalid("top_logprobs requires logprobs=true.", "top_logprobs")
    if body.moderation and services.classifier is None:
        raise Invalid("Moderation is disabled (TUTELAGE_MODERATION=off).", "moderation")
    require_tools(body.tools, body.tool_choice)


def _message(given: InputMessage) -> dict[str, Any]:
    if isinstance(given, ToolMessage):
        return message("tool", given.text, tool_call_id=given.tool_call_id)
    if isinstance(given, AssistantMessage):
        calls = [each.model_dump() for each in given.tool_calls or ()]
        return message("assistant", given.text, tool_calls=calls)
    return message("system" if given.role == "developer" else given.role, given.text)


def _sampling(services: Services, body: ChatCompletionRequest, choice: int) -> Sampling:
    """How one choice is sampled; with a seed, every choice has its own."""
    return Sampling(
        **chosen(
            services.settings,
            body.n or 1,
            temperature=body.temperature,
            top_p=body.top_p,
            top_k=body.top_k,
            presence_penalty=body.presence_penalty,
            frequency_penalty=body.frequency_penalty,
        ),
        max_tokens=body.token_limit or services.settings.max_response_tokens,
        seed=None if body.seed is None else body.seed + choice,
        stop=body.stops,
        logit_bias={int(token): bias for token, bias in (body.logit_bias or {}).items()},
        schema=body.response_format.constraint if body.response_format else None,
        top_logprobs=body.top_logprobs or 0,
        tools=body.tool_options,
    )
