"""An engine that speaks OpenAI's chat completions: vLLM, TGI's messages API, llama.cpp's server,
another tutelage."""

import json
from collections.abc import AsyncIterator
from typing import Any

import openai

from server.generators.generator import Alternative, Sampling, Token
from server.generators.remote import Asked, EngineBusy, Opened
from tutelage.errors import Invalid, Unavailable

UNTOLD = -1  # token ids are not part of the protocol
TIMEOUT = openai.Timeout(60.0, connect=5.0)


class OpenAIEngine:
    """The official SDK; it retries what fails before an answer has begun."""

    def __init__(self, url: str, key: str = "", retries: int = 2) -> None:
        self._client = openai.AsyncOpenAI(
            base_url=url, api_key=key or "none", timeout=TIMEOUT, max_retries=retries
        )
        self._names: dict[str, str] = {}  # policy id -> what the engine calls it

    async def serves(self, policy_id: str) -> bool:
        """Whether GET /models names it, by its id or as a folder of this name."""
        try:
            named = [model.id async for model in self._client.models.list()]
        except openai.OpenAIError as error:
            raise _ours(error) from error
        self._names = {name.rstrip("/").rsplit("/", 1)[-1]: name for name in named}
        return policy_id in self._names

    async def open(self, asked: Asked) -> Opened:
        """Begin a streamed completion."""
        try:
            chunks: Any = await self._client.chat.completions.create(
                model=self._names.get(asked.policy_id, asked.policy_id),
                messages=[dict(each) for each in asked.messages],  # type: ignore[misc]
                stream=True,
                logprobs=True,
                **_parameters(asked.sampling),
            )
        except openai.OpenAIError as error:
            raise _ours(error) from error
        return Opened(_tokens(chunks), chunks.close)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()


def _parameters(sampling: Sampling) -> dict[str, Any]:
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
        "extra_body": {"top_k": sampling.top_k} if sampling.top_k else None,
        "response_format": _format(sampling.schema),
    }
    return {name: value for name, value in chosen.items() if value is not None}


def _format(schema: str | None) -> dict[str, Any] | None:
    if schema is None:
        return None
    named = {"name": "answer", "schema": json.loads(schema), "strict": True}
    return {"type": "json_schema", "json_schema": named}


async def _tokens(chunks: Any) -> AsyncIterator[Token | str]:
    """Tokens from chunks; a chunk without log-probabilities counts as one token."""
    try:
        async for chunk in chunks:
            for choice in chunk.choices[:1]:
                told = choice.logprobs.content if choice.logprobs else None
                for each in told or ():
                    yield Token(each.token, UNTOLD, each.logprob, _alternatives(each))
                if told is None and choice.delta.content:
                    yield Token(choice.delta.content, UNTOLD, 0.0)
                if choice.finish_reason:
                    yield "length" if choice.finish_reason == "length" else "stop"
                    return
    except Exception as error:  # the SDK lets its HTTP library's errors through in a stream
        raise _ours(error) from error


def _alternatives(token: Any) -> tuple[Alternative, ...]:
    return tuple(Alternative(each.token, UNTOLD, each.logprob) for each in token.top_logprobs or ())


def _ours(error: Exception) -> Exception:
    """The failure in our words."""
    status = error.status_code if isinstance(error, openai.APIStatusError) else None
    if status in (429, 503):
        return EngineBusy()
    if status in (400, 404, 422):
        return Invalid(f"The engine refuses this request: {error}")
    return Unavailable(f"The engine failed: {str(error) or type(error).__name__}.")
