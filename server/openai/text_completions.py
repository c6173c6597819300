"""A completion of a text: the request as a turn, and the turn as OpenAI's older format."""

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from server.chat.request import TurnRequest, message
from server.chat.response import ResponseDelta
from server.chat.turn import ResponseDone, Turn, TurnError
from server.generators.generator import Token
from server.http.auth import Caller
from server.http.errors import ApiError, as_api_error
from server.openai.chat_completions import (
    finish_reason,
    token_counts,
    tokens_of,
    turn_moderation,
)
from server.openai.sampling import sampling
from server.openai.sse import DONE, error_frame, frame
from server.schemas.openai.chat import TurnInfo
from server.schemas.openai.sampling import StreamOptions
from server.schemas.openai.text_completions import (
    TextChoice,
    TextCompletion,
    TextCompletionRequest,
    TextLogprobs,
)
from tutelage.settings import Settings

MAX_TOKENS = 16  # OpenAI's default


def turn_request(
    settings: Settings, caller: Caller, body: TextCompletionRequest, policy_id: str | None
) -> TurnRequest:
    """A turn of the policy named, which is never trained on: it is no chat.

    Raises ApiError 400 for parameters that contradict each other.
    """
    _require_consistent(body)
    return TurnRequest(
        caller=caller,
        messages=[message("user", body.text)],
        samplings=[
            sampling(
                settings,
                body,
                choice,
                max_tokens=body.max_tokens or MAX_TOKENS,
                top_logprobs=body.logprobs or 0,
            )
            for choice in range(body.n or 1)
        ],
        raw=True,
        training=False,
        policy_id=policy_id,
        field="prompt",
        listed=False,
    )


def _require_consistent(body: TextCompletionRequest) -> None:
    if body.stream_options and not body.stream:
        problem = "'stream_options' is only allowed with 'stream'."
        raise ApiError(400, problem, param="stream_options", code=None)
    if body.echo and body.logprobs is not None:
        problem = "Setting 'echo' and 'logprobs' at the same time is not supported."
        raise ApiError(400, problem, param="echo", code="invalid_parameter_combination")
    if body.best_of not in (None, body.n or 1):
        problem = "'best_of' is only supported with the value of 'n'."
        raise ApiError(400, problem, param="best_of", code="unsupported_value")


def of_turn(
    turn: Turn, body: TextCompletionRequest, deltas: Sequence[ResponseDelta]
) -> TextCompletion:
    """The reply to a request without ``stream``; ``deltas`` are all that were shown."""
    before = body.text if body.echo else ""
    return TextCompletion(
        **_named(turn),
        choices=[
            TextChoice(
                text=before + response.shown,
                index=response.choice,
                logprobs=_logprobs(body, tokens_of(deltas, response), 0),
                finish_reason=finish_reason(response.finish_reason),
            )
            for response in turn.responses
        ],
        usage=token_counts(turn.usage),
        tutelage=_info(turn),
    )


async def frames(turn: Turn, body: TextCompletionRequest) -> AsyncIterator[str]:
    """The events of a stream; an error in the middle is an event too, and the last."""
    for response in turn.responses:
        before, info = body.text if body.echo else "", {"tutelage": _info(turn)}
        yield _chunk(turn, _choice(response.choice, before), **({} if response.choice else info))
    lengths = dict.fromkeys(range(len(turn.responses)), 0)
    options = body.stream_options or StreamOptions()
    async for event in turn.events():
        if isinstance(event, TurnError):
            yield error_frame(as_api_error(event.error))
            return
        if isinstance(event, ResponseDone):
            reason = finish_reason(event.response.finish_reason)
            yield _chunk(turn, _choice(event.response.choice, "", finish_reason=reason))
        else:
            logprobs = _logprobs(body, event.tokens, lengths[event.choice])
            lengths[event.choice] += sum(len(token.text) for token in event.tokens)
            counts = {"usage": token_counts(turn.usage)} if options.continuous_usage_stats else {}
            yield _chunk(turn, _choice(event.choice, event.text, logprobs=logprobs), **counts)
    if options.include_usage:
        yield _chunk(turn, None, usage=token_counts(turn.usage))
    yield frame(DONE)


def _choice(index: int, text: str, **ended: Any) -> TextChoice:
    return TextChoice(text=text, index=index, **{"finish_reason": None, "logprobs": None} | ended)


def _chunk(turn: Turn, choice: TextChoice | None, **more: Any) -> str:
    chunk = TextCompletion(**_named(turn), choices=[choice] if choice else [], **more)
    return frame(chunk.model_dump_json(exclude={} if more else {"usage", "tutelage"}))


def _named(turn: Turn) -> dict[str, Any]:
    return {
        "id": turn.completion_id.removeprefix("chat"),
        "created": turn.created,
        "model": turn.policy_id,
        "system_fingerprint": turn.policy_id,
    }


def _info(turn: Turn) -> TurnInfo:
    return TurnInfo(
        conversation_id=turn.prompt.conversation_id,
        prompt_message_id=turn.prompt.message_id,
        message_ids=[response.id for response in turn.responses],
        moderation=turn_moderation(turn, turn.responses),
    )


def _logprobs(
    body: TextCompletionRequest, tokens: Sequence[Token], offset: int
) -> TextLogprobs | None:
    if body.logprobs is None:
        return None
    return TextLogprobs(
        tokens=[token.text for token in tokens],
        token_logprobs=[token.logprob for token in tokens],
        top_logprobs=[{each.text: each.logprob for each in token.top} for token in tokens]
        if body.logprobs
        else None,
        text_offset=list(_offsets(tokens, offset)),
    )


def _offsets(tokens: Sequence[Token], offset: int) -> Iterator[int]:
    for token in tokens:
        yield offset
        offset += len(token.text)
