"""One response being generated: its tokens, its block table, and how its next token is chosen."""

from collections import abc
from typing import Protocol

import torch

from server.generators.detokenizer import HALF, Detokenizer
from server.generators.embedded.block_pool import BlockTable
from server.generators.embedded.grammar import Grammar
from server.generators.embedded.model_runner import ModelRunner
from server.generators.embedded.sampler import Sampler
from server.generators.generator import Alternative, Sampling, Token
from server.generators.stop_strings import StopStrings


class TokenSink(Protocol):
    """Receives what a sequence generates; sets ``cancelled`` to end it."""

    cancelled: bool

    def admit(self) -> None: ...

    def put(self, tokens: abc.Sequence[Token]) -> None: ...

    def end(self, finish_reason: str) -> None: ...

    def fail(self, error: Exception) -> None: ...


class Sequence:
    """A prompt and the tokens generated after it, at most ``max_tokens`` of them."""

    def __init__(
        self,
        sink: TokenSink,
        runner: ModelRunner,
        prompt: list[int],
        max_tokens: int,
        sampling: Sampling,
        grammar: Grammar | None = None,
        continued: bool = False,
    ) -> None:
        """``continued``: the prompt ends in text that the response continues."""
        self.sink = sink
        self.tokens = prompt
        self.max_length = len(prompt) + max_tokens
        self.table = BlockTable(runner.pool)
        self.finished = False
        self._end_ids = frozenset[int]() if sampling.ignore_eos else runner.end_ids
        self._decode = runner.decode
        self._raw = runner.raw
        self.sampler = Sampler(sampling, prompt, grammar)
        self._alternatives = sampling.top_logprobs
        self._detokenizer = Detokenizer(runner.decode, prompt if continued else ())
        self._stops = StopStrings(sampling.stop)

    @property
    def pending(self) -> abc.Sequence[int]:
        """Tokens whose keys and values are not computed yet."""
        return self.tokens[self.table.length :]

    @property
    def prefilling(self) -> bool:
        """Whether a part of the prompt is still to be computed."""
        return len(self.pending) > 1

    def append(self, logprobs: torch.Tensor, normalizer: float) -> None:
        """Sample the next token from ``logprobs`` [vocabulary] and pass on what is certain."""
        token_id = self.sampler.choose(logprobs, normalizer)
        self.accept(token_id, float(logprobs[token_id]), logprobs)

    def accept(self, token_id: int, logprob: float, logprobs: torch.Tensor) -> None:
        """The next token was chosen from ``logprobs`` [vocabulary]."""
        self.tokens.append(token_id)
        at_end = token_id in self._end_ids
        text = "" if at_end else self._detokenizer.push(token_id)
        token = Token(text, token_id, logprob, self._likeliest(logprobs))
        certain = self._stops.push(token)
        if at_end or self._stops.stopped:
            self._finish(certain, "stop")
        elif len(self.tokens) == self.max_length:
            self._finish(certain, "length")
        elif certain:
            self.sink.put(certain)

    def _likeliest(self, logprobs: torch.Tensor) -> tuple[Alternative, ...]:
        if not self._alternatives:
            return ()
        top = logprobs.topk(self._alternatives)
        pairs = zip(top.indices.tolist(), top.values.tolist(), strict=True)
        return tuple(self._alternative(i, value) for i, value in pairs)

    def _alternative(self, token_id: int, logprob: float) -> Alternative:
        text = self._decode([token_id])
        raw = self._raw(token_id) if HALF in text else b""
        return Alternative(text, token_id, logprob, raw or None)

    def _finish(self, certain: list[Token], reason: str) -> None:
        self.finished = True
        self.sink.put([*certain, *self._stops.flush()])
        self.sink.end(reason)
