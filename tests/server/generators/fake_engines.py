"""Small servers that speak the protocols of remote engines, over an echo."""

import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from server.generators.echo import EchoGenerator
from server.generators.generator import Overloaded, Sampling, Stream, Token
from tutelage.errors import TutelageError


class FakeEngine:
    """An echo behind HTTP, at most three answers at once; ``broken`` makes it fail."""

    def __init__(self, *models: str) -> None:
        self.models = models
        self.broken = ""
        self.asked: list[dict[str, Any]] = []
        self._echo = EchoGenerator(context_window=100_000, delay=0.002, max_streams=3)

    async def start(self, content: str, sampling: Sampling) -> Stream:
        return await self._echo.start([{"role": "user", "content": content}], sampling)

    async def refuse(self) -> Response | None:
        return JSONResponse({"error": {"message": "down"}}, 500) if self.broken == "down" else None


def events(stream: Stream, frames: AsyncIterator[dict[str, Any]]) -> StreamingResponse:
    async def body() -> AsyncIterator[str]:
        try:
            async for frame in frames:
                yield f"data: {json.dumps(frame)}\n\n"
        finally:
            await stream.aclose()

    return StreamingResponse(body(), media_type="text/event-stream")


Endpoint = Callable[[Request], Awaitable[Response]]


def completing(engine: FakeEngine) -> Endpoint:
    """OpenAI's chat completions, streamed. Given tools it calls the first, and echoes its find."""

    async def complete(request: Request) -> Response:
        asked = await request.json()
        engine.asked.append(asked)
        if refused := await engine.refuse():
            return refused
        stop = tuple(asked.get("stop") or ())
        try:
            sampling = Sampling(max_tokens=asked["max_tokens"], stop=stop)
            stream = await engine.start(asked["messages"][-1]["content"], sampling)
        except Overloaded as error:
            return JSONResponse({"error": {"message": error.message}}, 429)
        if asked.get("tools") and asked["messages"][-1]["role"] != "tool":
            return events(stream, calls(asked["tools"][0]["function"]["name"]))
        return events(stream, chunks(stream))

    async def calls(name: str) -> AsyncIterator[dict[str, Any]]:
        begun = {"id": "call_1", "type": "function", "function": {"name": name, "arguments": ""}}
        yield _chunk({"tool_calls": [{"index": 0, **begun}]})
        for arguments in ('{"city": ', '"Oslo"}'):
            more = {"index": 0, "function": {"arguments": arguments}}
            yield _chunk({"tool_calls": [more]})
        yield _chunk({}, finish_reason="tool_calls")

    async def chunks(stream: Stream) -> AsyncIterator[dict[str, Any]]:
        async for token in stream:
            if engine.broken == "midway":
                yield {"error": {"message": "out of memory", "type": "server_error"}}
                return
            told = {"token": token.text, "logprob": token.logprob, "bytes": None}
            logprobs = {"content": [{**told, "top_logprobs": []}]}
            yield _chunk({"content": token.text}, logprobs=logprobs)
        yield _chunk({}, finish_reason=stream.finish_reason)

    return complete


def continuing(engine: FakeEngine) -> Endpoint:
    """OpenAI's completions of a text, streamed."""

    async def complete(request: Request) -> Response:
        asked = await request.json()
        engine.asked.append(asked)
        return events(s := await engine.start(asked["prompt"], Sampling(max_tokens=2)), chunks(s))

    async def chunks(stream: Stream) -> AsyncIterator[dict[str, Any]]:
        async for token in stream:
            told = {"tokens": [token.text], "token_logprobs": [token.logprob],
                    "top_logprobs": [{token.text: token.logprob}], "text_offset": [0]}  # fmt: skip
            yield _part(text=token.text, logprobs=told, finish_reason=None)
        yield _part(text="", logprobs=None, finish_reason=stream.finish_reason)

    return complete


def _part(**choice: Any) -> dict[str, Any]:
    named = {"id": "c", "object": "text_completion", "created": 0, "model": "m"}
    return {**named, "choices": [{"index": 0, **choice}]}


def openai_app(engine: FakeEngine) -> Starlette:
    async def models(_request: Request) -> Response:
        return JSONResponse({"object": "list", "data": [{"id": m} for m in engine.models]})

    return Starlette(
        routes=[
            Route("/v1/models", models),
            Route("/v1/chat/completions", completing(engine), methods=["POST"]),
            Route("/v1/completions", continuing(engine), methods=["POST"]),
        ]
    )


def _chunk(delta: dict[str, Any], **choice: Any) -> dict[str, Any]:
    whole = {"index": 0, "delta": delta, "finish_reason": None, "logprobs": None, **choice}
    named = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m"}
    return {**named, "choices": [whole]}


def tgi_app(engine: FakeEngine) -> Starlette:
    async def info(request: Request) -> Response:
        known = request.path_params["policy"] in engine.models
        name = request.path_params["policy"] if known else "another"
        return JSONResponse({"model_id": f"/models/{name}"})

    async def generate(request: Request) -> Response:
        asked = await request.json()
        engine.asked.append(asked)
        if refused := await engine.refuse():
            return refused
        parameters = asked["parameters"]
        sampling = Sampling(max_tokens=parameters["max_new_tokens"])
        try:
            stream = await engine.start(asked["inputs"], sampling)
        except TutelageError as error:
            return JSONResponse({"error": error.message, "error_type": "overloaded"}, 429)
        return events(stream, frames(stream))

    async def frames(stream: Stream) -> AsyncIterator[dict[str, Any]]:
        behind = None  # one token, since the last frame says how it ended
        async for token in stream:
            if engine.broken == "midway":
                yield {"error": "out of memory", "error_type": "generation"}
                return
            if behind:
                yield _frame(behind)
            behind = token
        if behind:
            reason = "length" if stream.finish_reason == "length" else "eos_token"
            details = {"finish_reason": reason, "generated_tokens": 1, "input_length": 1}
            yield {**_frame(behind), "generated_text": "", "details": details}

    return Starlette(
        routes=[
            Route("/{policy}/info", info),
            Route("/{policy}", generate, methods=["POST"]),
            Route("/{policy}/v1/chat/completions", completing(engine), methods=["POST"]),
        ]
    )


def _frame(token: Token) -> dict[str, Any]:
    told = {"id": token.token_id, "text": token.text, "logprob": token.logprob}
    return {"index": 0, "token": {**told, "special": token.text == ""}, "generated_text": None}


@contextmanager
def listening(app: Starlette) -> Iterator[str]:
    """The app on a free port; its address."""
    config = uvicorn.Config(app, port=0, log_level="critical", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the fake did not start"
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)
