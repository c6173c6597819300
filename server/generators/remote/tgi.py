"""Text Generation Inference: its own protocol and its messages API, through huggingface_hub."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from huggingface_hub import AsyncInferenceClient
from huggingface_hub.errors import (
    HfHubHTTPError,
    InferenceTimeoutError,
    OverloadedError,
    TextGenerationError,
)

from server.generators.generator import Sampling, Token, raw_text
from server.generators.remote.chunks import extras, parameters, tokens
from server.generators.remote.engine import (
    EngineBusy,
    EngineRequest,
    EngineResponse,
    FixedEngine,
    begun,
)
from tutelage.errors import Invalid, Unavailable

SECONDS = 60.0


class TGIServer(FixedEngine):
    """One TGI serves one policy: ``{policy}`` in the URL stands for the policy's id."""

    def __init__(self, url: str, key: str = "") -> None:
        self._url = url
        self._key = key or None
        self._clients: dict[str, AsyncInferenceClient] = {}  # one that is dropped hangs up

    async def serves(self, policy_id: str) -> bool:
        """Whether the model that TGI has loaded is a folder of this name."""
        try:
            info = await self._client(policy_id).get_endpoint_info()
        except Exception as error:  # httpx's and huggingface_hub's
            raise _ours(error) from error
        return str(info.get("model_id", "")).rstrip("/").rsplit("/", 1)[-1] == policy_id

    async def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            await client.close()

    def _client(self, policy_id: str) -> AsyncInferenceClient:
        url = self._url.replace("{policy}", policy_id)
        if policy_id not in self._clients:
            self._clients[policy_id] = AsyncInferenceClient(
                url, provider="hf-inference", token=self._key, timeout=SECONDS
            )
        return self._clients[policy_id]


class TGIMessagesEngine(TGIServer):
    """TGI's messages API, which is OpenAI's: with tools, but without token ids."""

    takes_tools = True

    async def open(self, request: EngineRequest) -> EngineResponse:
        """Begin a streamed completion."""
        _refuse(request.sampling, "logit_bias", "min_p", "repetition_penalty", "ignore_eos")
        if raw_text(request.messages) is not None:
            raise Invalid("This engine (TGI's messages API) does not continue texts.", "prompt")
        try:
            chunks: Any = await self._client(request.policy_id).chat_completion(
                messages=[dict(each) for each in request.messages],
                stream=True,
                logprobs=True,
                **_messages_parameters(request.sampling),
            )
        except Exception as error:  # httpx's and huggingface_hub's
            raise _ours(error) from error
        return await begun(tokens(chunks, _ours))


class TGIEngine(TGIServer):
    """TGI's own protocol: tokens come with their ids and log-probabilities."""

    takes_tools = False

    async def open(self, request: EngineRequest) -> EngineResponse:
        """Begin to generate."""
        return await begun(self._generate(request))

    async def _generate(self, request: EngineRequest) -> AsyncGenerator[Token | str]:
        try:
            answer = await self._client(request.policy_id).text_generation(
                request.text, stream=True, details=True, **_parameters(request.sampling)
            )
            async for event in answer:
                token = event.token
                yield Token("" if token.special else token.text, token.id, token.logprob or 0.0)
                if event.details:
                    yield "length" if event.details.finish_reason == "length" else "stop"
                    return
        except Exception as error:  # httpx's and huggingface_hub's
            raise _ours(error) from error


def _messages_parameters(sampling: Sampling) -> dict[str, Any]:
    """Parameters without an argument go into extra_body; TGI requires a seed of at least 0."""
    chosen = parameters(sampling)
    more = chosen.pop("extra_body", {})
    if "parallel_tool_calls" in chosen:
        more |= {"parallel_tool_calls": chosen.pop("parallel_tool_calls")}
    if sampling.seed is not None:
        chosen["seed"] = sampling.seed % 2**63
    return chosen | ({"extra_body": more} if more else {})


def _parameters(sampling: Sampling) -> dict[str, Any]:
    """TGI's names; it refuses a top_p or top_k that has no effect."""
    _refuse(sampling, "logit_bias", "presence_penalty", "top_logprobs", "min_p", "ignore_eos")
    greedy = sampling.temperature < 1e-4
    chosen = {
        "max_new_tokens": sampling.max_tokens,
        "do_sample": not greedy,
        "temperature": None if greedy else sampling.temperature,
        "top_p": sampling.top_p if 0 < sampling.top_p < 1 and not greedy else None,
        "top_k": sampling.top_k or None,
        "seed": None if sampling.seed is None else sampling.seed % 2**63,
        "stop": list(sampling.stop) or None,
        "frequency_penalty": sampling.frequency_penalty or None,
        "repetition_penalty": extras(sampling).get("repetition_penalty"),
        "grammar": {"type": "json", "value": sampling.schema} if sampling.schema else None,
    }
    return {name: value for name, value in chosen.items() if value is not None}


def _refuse(sampling: Sampling, *names: str) -> None:
    """Raises Invalid where one of these parameters is set."""
    for name in names:
        if getattr(sampling, name) != getattr(Sampling(), name):
            raise Invalid(f"This engine (TGI) does not support {name}.", name)


def _ours(error: Exception) -> Exception:
    """The error as a TutelageError."""
    if isinstance(error, (Invalid, Unavailable, asyncio.CancelledError)):
        return error
    status = error.response.status_code if isinstance(error, HfHubHTTPError) else None
    if status in (429, 503) or isinstance(error, OverloadedError):
        return EngineBusy()
    if status in (400, 422):
        return Invalid(f"The engine rejects this request: {error}")
    kind = "did not respond in time" if isinstance(error, InferenceTimeoutError) else "failed"
    said = str(error) or type(error).__name__
    if isinstance(error, TextGenerationError):
        said = f"TGI reports {said}"
    return Unavailable(f"The engine {kind}: {said}.")
