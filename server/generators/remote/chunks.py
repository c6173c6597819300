"""Sampling as parameters of OpenAI's completions, and their chunks as tokens."""

import json
from collections.abc import AsyncGenerator, Callable
from typing import Any

from server.generators.generator import Alternative, Sampling, Token, ToolCall

UNTOLD = -1  # token ids are not part of the protocol
_REASONS = {"length": "length", "tool_calls": "tool_calls"}


def parameters(sampling: Sampling) -> dict[str, Any]:
    """Only what differs from the protocol's defaults: not every server knows every parameter."""
    chosen = {
        "max_tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p if sampling.top_p < 1 else None,
        "seed": sampling.seed,
        "stop": list(sampling.stop) or None,
        "presence_penalty": sampling.presence_penalty or None,
        "frequency_penalty": sampling.frequency_penalty or None,
        "logit_bias": {str(token): bias for token, bias in sampling.logit_bias.items()} or None,
        "top_logprobs": sampling.top_logprobs or None,
        "extra_body": extras(sampling) or None,
        "response_format": _format(sampling.schema),
        **(sampling.tools or {}),
    }
    return {name: value for name, value in chosen.items() if value is not None}


def extras(sampling: Sampling) -> dict[str, Any]:
    """What OpenAI's protocol does not have, in vLLM's and llama.cpp's words."""
    chosen = {
        "top_k": sampling.top_k or None,
        "min_p": sampling.min_p or None,
        "ignore_eos": sampling.ignore_eos or None,
        "repetition_penalty": None
        if sampling.repetition_penalty == 1
        else sampling.repetition_penalty,
    }
    return {name: value for name, value in chosen.items() if value is not None}


def _format(schema: str | None) -> dict[str, Any] | None:
    if schema is None:
        return None
    named = {"name": "answer", "schema": json.loads(schema), "strict": True}
    return {"type": "json_schema", "json_schema": named}


async def tokens(
    chunks: Any, failure: Callable[[Exception], Exception]
) -> AsyncGenerator[Token | str]:
    """Tokens, then the finish reason; an error midway is raised as ``failure`` translates it."""
    try:
        async for chunk in chunks:
            for choice in chunk.choices[:1]:
                for token in _said(choice):
                    yield token
                if choice.finish_reason:
                    yield _REASONS.get(choice.finish_reason, "stop")
                    return
    except Exception as error:  # clients let their HTTP library's errors through in a stream
        raise failure(error) from error


def _said(choice: Any) -> list[Token]:
    """A chunk without log-probabilities counts as one token."""
    if hasattr(choice, "text"):
        return _continued(choice)
    if choice.logprobs and choice.logprobs.content is not None:
        said = [
            Token(each.token, UNTOLD, each.logprob, _alternatives(each))
            for each in choice.logprobs.content
        ]
        return said + _called(choice)
    said = [Token(choice.delta.content, UNTOLD, 0.0)] if choice.delta.content else []
    return said + _called(choice)


def _continued(choice: Any) -> list[Token]:
    """Of the completions of a text."""
    told = choice.logprobs
    if told is None or not told.tokens:
        return [Token(choice.text, UNTOLD, 0.0)] if choice.text else []
    alternatives = told.top_logprobs or [None] * len(told.tokens)
    return [
        Token(
            text,
            UNTOLD,
            logprob or 0.0,
            tuple(Alternative(other, UNTOLD, value) for other, value in (top or {}).items()),
        )
        for text, logprob, top in zip(told.tokens, told.token_logprobs, alternatives, strict=True)
    ]


def _called(choice: Any) -> list[Token]:
    """Parts of tool calls; the log-probabilities of their tokens are not part of the protocol."""
    return [
        Token("", UNTOLD, 0.0, call=_piece(place, each))
        for place, each in enumerate(choice.delta.tool_calls or ())
    ]


def _piece(place: int, call: Any) -> ToolCall:
    index = place if call.index is None else call.index
    return ToolCall(index, call.id or "", call.function.name or "", call.function.arguments or "")


def _alternatives(token: Any) -> tuple[Alternative, ...]:
    return tuple(
        Alternative(
            each.token, UNTOLD, each.logprob, None if each.bytes is None else bytes(each.bytes)
        )
        for each in token.top_logprobs or ()
    )
