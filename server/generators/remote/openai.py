"""An engine that speaks OpenAI's chat completions: vLLM, llama.cpp's server, another tutelage."""

from typing import Any

import openai

from server.generators.generator import prefix_of, raw_text
from server.generators.remote.chunks import parameters, tokens
from server.generators.remote.engine import (
    EngineBusy,
    EngineRequest,
    EngineResponse,
    FixedEngine,
)
from tutelage.errors import Invalid, Unavailable
from tutelage.tracing import trace_headers

TIMEOUT = openai.Timeout(60.0, connect=5.0)


class OpenAIEngine(FixedEngine):
    """The official SDK; it retries requests that fail before the response has begun."""

    takes_tools = True

    def __init__(self, url: str, key: str = "", retries: int = 2) -> None:
        self._client = openai.AsyncOpenAI(
            base_url=url, api_key=key or "none", timeout=TIMEOUT, max_retries=retries
        )
        self._names: dict[str, str] = {}  # policy id -> its name at the engine

    async def serves(self, policy_id: str) -> bool:
        """Whether GET /models names it, by its id or as a folder of this name."""
        try:
            named = [model.id async for model in self._client.models.list()]
        except openai.OpenAIError as error:
            raise ours(error) from error
        self._names = {name.rstrip("/").rsplit("/", 1)[-1]: name for name in named}
        return policy_id in self._names

    async def open(self, request: EngineRequest) -> EngineResponse:
        """Begin a streamed completion."""
        try:
            chunks: Any = await self._create(request)
        except openai.OpenAIError as error:
            raise ours(error) from error
        return EngineResponse(tokens(chunks, ours), chunks.close)

    async def _create(self, request: EngineRequest) -> Any:
        model = self._names.get(request.policy_id, request.policy_id)
        traced = trace_headers()
        text, chosen = raw_text(request.messages), _parameters(request)
        if text is not None:
            told = chosen.pop("top_logprobs", 0)
            return await self._client.completions.create(
                model=model,
                prompt=text,
                stream=True,
                logprobs=told,
                extra_headers=traced,
                **chosen,
            )
        messages: Any = [dict(each) for each in request.messages]
        return await self._client.chat.completions.create(
            model=model,
            messages=messages,
            stream=True,
            logprobs=True,
            extra_headers=traced,
            **chosen,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()


def _parameters(request: EngineRequest) -> dict[str, Any]:
    """With vLLM's two flags where a response is continued."""
    chosen = parameters(request.sampling)
    if prefix_of(request.messages):
        continued = {"continue_final_message": True, "add_generation_prompt": False}
        chosen["extra_body"] = chosen.get("extra_body", {}) | continued
    return chosen


def ours(error: Exception) -> Exception:
    """The error as a TutelageError."""
    status = error.status_code if isinstance(error, openai.APIStatusError) else None
    if status in (429, 503):
        return EngineBusy()
    if status in (400, 404, 422):
        return Invalid(f"The engine rejects this request: {error}")
    return Unavailable(f"The engine failed: {str(error) or type(error).__name__}.")
