"""A completion of token ids, as vLLM is asked for it, and its chunks as tokens."""

from collections.abc import AsyncGenerator, Iterator
from typing import Any

from server.generators.detokenizer import HALF, Detokenizer
from server.generators.generator import Alternative, Token
from server.generators.remote.chunks import parameters
from server.generators.remote.engine import EngineRequest
from server.generators.remote.openai import ours
from tutelage.errors import Unavailable

_ID = "token_id:"  # before the number of a token, with return_tokens_as_token_ids


def completion(model: str, request: EngineRequest) -> dict[str, Any]:
    """The arguments of the SDK's ``completions.create``.

    Stop strings are not passed on: they are looked for in the text that is made here.
    """
    sampling = request.sampling
    chosen = parameters(sampling)
    chosen.pop("stop", None)
    extra = chosen.pop("extra_body", {}) | {
        "return_token_ids": True,
        "return_tokens_as_token_ids": True,
        "stop_token_ids": [] if sampling.ignore_eos else sorted(request.template.end_ids),
    }
    if "response_format" in chosen:
        extra["response_format"] = chosen.pop("response_format")
    if sampling.seed is not None:
        chosen["seed"] = sampling.seed % 2**63
    told = {"logprobs": chosen.pop("top_logprobs", 0), "extra_body": extra}
    return {"model": model, "prompt": request.tokens, "stream": True} | told | chosen


async def completed(chunks: Any, request: EngineRequest) -> AsyncGenerator[Token | str]:
    """Tokens, then the finish reason; the connection is closed with it.

    Raises Unavailable where the engine breaks off.
    """
    words = _Words(request)
    reason = None
    try:
        async for chunk in chunks:
            for choice in chunk.choices[:1]:
                for token in words.said(choice):
                    yield token
                reason = choice.finish_reason
    except Exception as error:  # clients let their HTTP library's errors through in a stream
        raise error if isinstance(error, Unavailable) else ours(error) from error
    finally:
        await chunks.close()
    if reason not in ("stop", "length"):
        raise Unavailable("The engine broke off; the answer was cut short.")
    yield reason


class _Words:
    """The tokens of one response with their text, which is decoded by the policy's tokenizer."""

    def __init__(self, request: EngineRequest) -> None:
        self._template = request.template
        self._alternatives = request.sampling.top_logprobs
        self._ends = frozenset() if request.sampling.ignore_eos else request.template.end_ids
        before = request.tokens if request.continues else ()
        self._text = Detokenizer(request.template.decode, before)

    def said(self, choice: Any) -> Iterator[Token]:
        """Of a chunk; raises Unavailable where it has no token ids."""
        ids, told = getattr(choice, "token_ids", None), choice.logprobs
        if ids is None or (ids and told is None):
            raise Unavailable("The engine returns no token ids; TUTELAGE_ENGINE=vllm needs vLLM.")
        for place, token_id in enumerate(ids):
            text = "" if token_id in self._ends else self._text.push(token_id)
            top = told.top_logprobs[place] if self._alternatives else None
            yield Token(text, token_id, told.token_logprobs[place] or 0.0, self._likeliest(top))

    def _likeliest(self, top: dict[str, float] | None) -> tuple[Alternative, ...]:
        """vLLM counts the chosen token beside as many others as were asked for."""
        ranked = sorted((top or {}).items(), key=lambda each: -each[1])[: self._alternatives]
        return tuple(self._alternative(int(n.removeprefix(_ID)), value) for n, value in ranked)

    def _alternative(self, token_id: int, logprob: float) -> Alternative:
        text = self._template.decode([token_id])
        raw = self._template.raw(token_id) if HALF in text else None
        return Alternative(text, token_id, logprob, raw)
