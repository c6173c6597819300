"""What we use of a vLLM server: health, models, runtime adapters, completions of token ids."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

END_ID = 2


class FakeVLLM:
    """Says the prompt's tokens again, but for special ones; at most ``at_once`` answers.

    ``broken``: "sick" fails its health check; "500" and "503" refuse; "silent" hangs up before the
    first token, "reset" after the second; "stale" answers for another policy.
    """

    def __init__(self, *models: str, at_once: int = 3) -> None:
        self.models, self.at_once = models, at_once
        self.broken = ""
        self.refuses_adapters = False
        self.adapters: dict[str, str] = {}  # name: path
        self.loads: list[str] = []
        self.asked: list[dict[str, Any]] = []
        self.running = 0

    def restart(self) -> None:
        """It knows no adapter any more."""
        self.adapters.clear()

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/health", self.health),
                Route("/v1/models", self.list_models),
                Route("/v1/load_lora_adapter", self.load, methods=["POST"]),
                Route("/v1/unload_lora_adapter", self.unload, methods=["POST"]),
                Route("/v1/completions", self.complete, methods=["POST"]),
            ]
        )

    async def health(self, _request: Request) -> Response:
        return Response(status_code=503 if self.broken == "sick" else 200)

    async def list_models(self, _request: Request) -> Response:
        base: list[dict[str, Any]] = [
            {"id": name, "root": f"/data/policies/{name}", "parent": None, "max_model_len": 1024}
            for name in self.models
        ]
        adapters = [
            {"id": name, "root": path, "parent": self.models[0]}
            for name, path in self.adapters.items()
        ]
        return JSONResponse({"object": "list", "data": base + adapters})

    async def load(self, request: Request) -> Response:
        asked = await request.json()
        name, path = asked["lora_name"], asked["lora_path"]
        if self.refuses_adapters:
            return _refusal(500, "LoRA rank 24 is greater than max_lora_rank 16")
        if name in self.adapters:
            return _refusal(400, f"The lora adapter '{name}' has already been loaded.")
        if not (Path(path) / "adapter_config.json").is_file():
            return _refusal(404, f"No adapter found for {path}")
        self.adapters[name] = path
        self.loads.append(name)
        return Response(f"Success: LoRA adapter '{name}' added successfully.")

    async def unload(self, request: Request) -> Response:
        name = (await request.json())["lora_name"]
        if name not in self.adapters:
            return _refusal(404, f"The lora adapter '{name}' cannot be found.")
        del self.adapters[name]
        return Response("Success")

    async def complete(self, request: Request) -> Response:
        asked = await request.json()
        self.asked.append(asked)
        if asked["model"] not in (*self.models, *self.adapters):
            return _refusal(404, f"The model `{asked['model']}` does not exist.")
        if self.broken in ("500", "503"):
            return _refusal(int(self.broken), "EngineCore encountered an issue")
        if self.broken == "stale":
            asked["model"] = self.models[0]
        if not asked.get("stream"):
            return JSONResponse(self.whole(asked))
        if self.running >= self.at_once:
            return _refusal(429, "too many")
        self.running += 1
        return StreamingResponse(self._events(asked), media_type="text/event-stream")

    def whole(self, asked: dict[str, Any]) -> dict[str, Any]:
        """An answer at once."""
        chunks = _chunks(asked)
        return _chunk(asked, [each for ids, _ in chunks for each in ids], chunks[-1][1])

    async def _events(self, asked: dict[str, Any]) -> AsyncIterator[str]:
        try:
            said = 0
            for ids, reason in _chunks(asked):
                await asyncio.sleep(0.002 * len(ids))
                if self.broken == "silent" or (self.broken == "reset" and said >= 2):
                    raise ConnectionResetError
                said += len(ids)
                yield f"data: {json.dumps(_chunk(asked, ids, reason))}\n\n"
            yield "data: [DONE]\n\n"
        finally:
            self.running -= 1


def _chunks(asked: dict[str, Any]) -> list[tuple[list[int], str | None]]:
    """One token, then two at a time, as under load."""
    ends = END_ID in asked.get("stop_token_ids", [])
    whole = [each for each in asked["prompt"] if each > END_ID] + [END_ID] * ends
    ids = whole[: asked["max_tokens"]]
    starts = [0, *range(1, len(ids), 2)]
    parts = [ids[a:b] for a, b in zip(starts, [*starts[1:], len(ids)], strict=True)]
    reason = "stop" if len(whole) <= asked["max_tokens"] else "length"
    return [*((each, None) for each in parts[:-1]), (parts[-1], reason)]


def _chunk(asked: dict[str, Any], ids: list[int], reason: str | None) -> dict[str, Any]:
    assert asked["return_token_ids"]
    assert asked.get("return_tokens_as_token_ids") or not asked.get("stream")
    names = [f"token_id:{each}" for each in ids]
    others = {f"token_id:{3 + n}": -1.0 - n for n in range(asked["logprobs"])}
    logprobs = {
        "tokens": names,
        "token_logprobs": [-0.5] * len(ids),
        "top_logprobs": [{name: -0.5} | others for name in names],
        "text_offset": [0] * len(ids),
    }
    choice = {"index": 0, "text": "", "logprobs": logprobs, "finish_reason": reason}
    named = {"id": "c", "object": "text_completion", "created": 0, "model": asked["model"]}
    return {**named, "choices": [{**choice, "token_ids": ids}]}


def _refusal(status: int, message: str) -> Response:
    error = {"message": message, "type": "error", "param": None, "code": status}
    return JSONResponse({"error": error}, status)
